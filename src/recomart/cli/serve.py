"""Commands of the service: run it, and its API keys."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from recomart.errors import RecomartError

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.serving.intake import Taking
    from recomart.serving.security import KeyFile, Scope
    from recomart.settings import Loaded


@click.command()
@click.option("--host", help="Address to listen on; beyond loopback a key is needed.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer.")
@click.pass_obj
def serve(context: Context, host: str | None, port: int | None, workers: int | None) -> None:
    """Answer requests over HTTP until stopped; take events, and let the next list know them.

    Of a root of several shops it answers for each of them, below /shops/NAME/.

    \b
    Examples:
      recomart serve --port 8000 --workers 2
      recomart -s my-shops serve
    """
    from recomart.serving.running import serve as run
    from recomart.settings import load_shops

    flags = {"host": host, "port": port, "workers": workers}
    told = [f"serving.{name}={value}" for name, value in flags.items() if value is not None]
    context.flags += tuple(told)
    loaded = context.load_root()
    shops = load_shops(loaded, flags=context.told())
    served = list(shops.values()) or [loaded]
    for one in served:
        _finish_erasing(one)
    run(loaded, lambda url: click.echo(f"Listening on {url}", err=True), _taking(served), shops)


def _taking(served: list[Loaded]) -> Taking:
    """Return what opens the place of a shop's events; its room is imported before any fork."""
    from recomart.serving.intake import to_log

    publishing = [one.settings.stream for one in served if one.settings.stream.publish]
    if not publishing:
        return to_log
    from recomart.stream.brokers import hold_to_library
    from recomart.stream.publishing import to_broker

    for stream in publishing:
        hold_to_library(stream)
    return lambda one, note: (to_broker if one.settings.stream.publish else to_log)(one, note)


def _finish_erasing(loaded: Loaded) -> None:
    """Go on with erasures that were cut off; where a run goes on, it did so itself.

    Raises what goes wrong; of one of several shops it is told, and keeps no other from serving.
    """
    from recomart.errors import LakeBusyError
    from recomart.lake import Erasures

    try:
        if any(order.starts for order in Erasures.of(loaded).orders()):
            from recomart.pipeline.erasing import finish

            with suppress(LakeBusyError):
                finish(loaded, only_begun=True)
    except RecomartError as error:
        if not loaded.shop:
            raise
        click.echo(f"Shop {loaded.shop!r}: {error}", err=True)


@click.group()
def keys() -> None:
    """API keys of the service, kept hashed; a running server takes changes up at once."""


@keys.command("create")
@click.option("--scope", required=True, type=click.Choice(["read", "write", "admin"]))
@click.option("--name", required=True, help="Who will use it.")
@click.pass_obj
def create(context: Context, scope: Scope, name: str) -> None:
    """Make a key and show it, this once: read lists, write events, or admin for everything.

    \b
    Example:
      recomart keys create --scope read --name shopfront
    """
    told, key = _file(context).create(name, scope)
    context.answer_one({"key": told, "key_id": key.key_id, "name": name, "scope": scope})


@keys.command("list")
@click.pass_obj
def list_keys(context: Context) -> None:
    """List the keys, without what is secret of them.

    \b
    Example:
      recomart keys list
    """
    rows = [key.model_dump(exclude={"sha256"}) for key in _file(context).read()]
    context.answer(rows, ("key_id", "name", "scope", "created_at"))


@keys.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke(context: Context, key_id: str) -> None:
    """Take a key back; whoever holds it is refused from now on.

    \b
    Example:
      recomart keys revoke 0f3a9c1e
    """
    key = _file(context).revoke(key_id)
    context.answer_one({"revoked": key.key_id, "name": key.name})


def _file(context: Context) -> KeyFile:
    from recomart.serving.security import KeyFile

    loaded = context.load_root()  # a root of several shops has keys of its own
    return KeyFile(loaded.path(loaded.settings.serving.keys))
