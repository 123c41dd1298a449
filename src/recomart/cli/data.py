"""Commands over versions of the data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from recomart.cli.context import Context


@click.group()
def data() -> None:
    """Keep versions of the data with DVC and git, go back to them, keep them elsewhere too."""


@data.command()
@click.pass_obj
def init(context: Context) -> None:
    """Set git and DVC up in the folder of recomart.yaml; commits only what it writes itself.

    \b
    Example:
      recomart data init
    """
    from recomart.pipeline import versioning

    done = versioning.init(context.load())
    if done.is_new and not context.as_json:
        click.echo(f"There was no git repository; made one in {done.repository}.")
    _tell(context, done)


@data.command()
@click.option("-m", "--message", help="Of the commit; else one that says it is a snapshot.")
@click.pass_obj
def snapshot(context: Context, message: str | None) -> None:
    """Keep the data as they are; commit their pointers and nothing else.

    \b
    Example:
      recomart data snapshot -m "before the spring sale"
    """
    from recomart.pipeline import versioning

    loaded = context.load()
    done = versioning.snapshot(loaded, message) if message else versioning.snapshot(loaded)
    if not done.is_new and not context.as_json:
        click.echo("Nothing changed since the last snapshot.")
    _tell(context, done)


@data.command("list")
@click.pass_obj
def list_snapshots(context: Context) -> None:
    """Show the snapshots, newest first; whether one lies in the lake now, and can be restored.

    \b
    Example:
      recomart data list
    """
    from recomart.pipeline import versioning

    columns = ("revision", "at", "message", "files", "bytes", "in_lake", "is_here")
    context.answer(versioning.snapshots(context.load()), columns)


@data.command()
@click.argument("revision", metavar="REV")
@click.option("--force", is_flag=True, help="Even if what lies there now is in no snapshot.")
@click.pass_obj
def restore(context: Context, revision: str, force: bool) -> None:
    """Bring the data of a snapshot back into the lake; REV is any name that git knows.

    \b
    Examples:
      recomart data restore 3f2a91c
      recomart data restore HEAD~1
    """
    from recomart.pipeline import versioning

    _tell(context, versioning.restore(context.load(), revision, force=force))


@data.command()
@click.pass_obj
def push(context: Context) -> None:
    """Send what the remote lacks of all snapshots.

    \b
    Example:
      recomart --set versioning.remote=s3://my-bucket/shop data push
    """
    from recomart.pipeline import versioning

    _tell(context, versioning.push(context.load()))


@data.command()
@click.argument("revision", metavar="[REV]", default="HEAD")
@click.pass_obj
def pull(context: Context, revision: str) -> None:
    """Fetch what is missing here of a snapshot; `restore` then brings it into the lake.

    \b
    Example:
      recomart data pull && recomart data restore HEAD
    """
    from recomart.pipeline import versioning

    _tell(context, versioning.pull(context.load(), revision))


@data.command()
@click.option("--keep", type=click.IntRange(1), help="Only so many snapshots, the newest.")
@click.option("--yes", is_flag=True, help="Do it; else it is only told what would go.")
@click.pass_obj
def gc(context: Context, keep: int | None, yes: bool) -> None:
    """Free what no snapshot needs. What lies in the lake now stays, and so does the remote.

    \b
    Examples:
      recomart data gc
      recomart data gc --keep 10 --yes
    """
    from recomart.pipeline import versioning

    done = versioning.gc(context.load(), keep, do_it=yes)
    _tell(context, done)
    if not yes and done.objects and not context.as_json:
        click.echo("Nothing is deleted yet: say --yes.")


def _tell(context: Context, done: DataclassInstance) -> None:
    """Print a record; for people without what would fill the line."""
    told = asdict(done)
    if not context.as_json:
        told = {name: _in_words(value) for name, value in told.items()}
    context.answer_one(told)


def _in_words(value: object) -> object:
    return ", ".join(map(str, value)) or None if isinstance(value, (dict, tuple)) else value
