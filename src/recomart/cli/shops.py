"""Commands over all shops of a root: how each of them is, and the pipeline of one after another."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from recomart.cli.work import dates, run_and_tell
from recomart.errors import RecomartError, SettingsError

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.settings import Loaded

    Read = Loaded | RecomartError
    """The settings of a shop, or why they do not fit."""


@click.group(invoke_without_command=True)
@click.pass_context
def shops(context: click.Context) -> None:
    """List the shops of a root: what serves, since when, events not in the lake yet, faults.

    \b
    Examples:
      recomart -s my-shops shops
      recomart -s my-shops shops run
    """
    if context.invoked_subcommand is None:
        told: Context = context.obj
        columns = ("shop", "champion", "made_at", "events_waiting", "faults")
        told.answer([_state(name, one) for name, one in _each(told).items()], columns)


@shops.command("run")
@dates
@click.pass_obj
def run_all(context: Context, /, **options: Any) -> None:
    """Run the whole pipeline of each shop, one after another; one that fails stops no other.

    Ends with the highest exit status of those that failed.

    \b
    Example:
      recomart -s my-shops shops run
    """
    rows = []
    for name, one in _each(context).items():
        if not context.as_json:
            click.echo(f"== {name}")
        rows.append({"shop": name, **_run(one, quiet=context.as_json, **options)})
    context.answer(rows, ("shop", "outcome", "seconds", "error"))
    sys.exit(max(row["status"] for row in rows))


def _state(name: str, one: Read) -> dict[str, Any]:
    from recomart.pipeline.shops import state_of

    told = {"faults": one.cause} if isinstance(one, RecomartError) else state_of(one)
    return {"shop": name, **told}


def _run(one: Read, *, quiet: bool, **options: Any) -> dict[str, Any]:
    """Run the pipeline of one shop; whatever goes wrong is told, and goes no further."""
    from recomart.pipeline.published import publish_reports

    began, status, cause = time.perf_counter(), 0, None
    try:
        loaded = _fitting(one)
        run_and_tell(loaded, quiet=quiet, **options)
        publish_reports(loaded)
    except RecomartError as error:
        status, cause = error.exit_status, error.cause
    except Exception as error:  # noqa: BLE001 - the other shops are to have their turn
        status, cause = 1, repr(error)
    return {
        "outcome": "failed" if status else "done",
        "seconds": round(time.perf_counter() - began, 1),
        "error": cause,
        "status": status,
    }


def _fitting(one: Read) -> Loaded:
    """Return the settings of a shop. Raises why they do not fit."""
    if isinstance(one, RecomartError):
        raise one
    return one


def _each(context: Context) -> dict[str, Read]:
    """Read the settings of each shop; those that do not fit keep nobody else.

    Raises SettingsError where this is no root, or two shops have a place in common.
    """
    from recomart.settings import hold_apart

    root = context.load_root()
    if not root.settings.shops:
        raise SettingsError(
            f"{root.folder} is no root of several shops.",
            remedy="Name its shops below `shops:` in recomart.yaml; docs/how-to/many-shops.md.",
        )
    found = {name: _read(context, root, name) for name in root.settings.shops}
    hold_apart(root, [one for one in found.values() if not isinstance(one, RecomartError)])
    return found


def _read(context: Context, root: Loaded, name: str) -> Read:
    from recomart.settings import load_shop

    try:
        return load_shop(root, name, flags=context.told())
    except RecomartError as error:
        return error
