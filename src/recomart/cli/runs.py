"""Commands over past runs: list, show, compare, tell others of them, do one again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.pipeline.reproduction import Remade
    from recomart.pipeline.runs import Runs


def _runs(context: Context) -> Runs:
    from recomart.lake import open_lake
    from recomart.pipeline.runs import Runs

    loaded = context.load()
    return Runs.of(loaded, open_lake(loaded))


@click.group()
def runs() -> None:
    """Look at past runs; a run is named by its id, the beginning of it, or `last`."""


@runs.command("list")
@click.option("-n", "--newest", default=20, show_default=True, type=click.IntRange(1))
@click.pass_obj
def list_(context: Context, newest: int) -> None:
    """List the newest runs: when, why, how long, what they made, how they ended.

    \b
    Example:
      recomart runs list -n 5
    """
    rows = [
        {
            "run_id": one.run_id,
            "outcome": one.outcome,
            "seconds": one.seconds,
            "why": one.why,
            "made": sum(len(stage.made) for stage in one.stages),
            "failed": next((s.stage for s in one.stages if s.outcome == "failed"), None),
        }
        for one in _runs(context).all()[-newest:]
    ]
    context.answer(rows, ("run_id", "outcome", "seconds", "why", "made", "failed"))


@runs.command()
@click.argument("run")
@click.pass_obj
def show(context: Context, run: str) -> None:
    """Show the record of a run: circumstances, stages, versions.

    \b
    Examples:
      recomart runs show last
      recomart --json runs show 20260115T103045
    """
    record = _runs(context).get(run)
    if context.as_json:
        context.answer_one(record.model_dump(mode="json"))
        return
    commits = {
        f"git of the {name}": f"{at.commit[:12]}{', changed since' if at.is_dirty else ''}"
        for name, at in record.git.items()
        if at
    }
    told = ("run_id", "outcome", "why", "started_at", "seconds")
    context.answer_one({name: getattr(record, name) for name in told} | record.code | commits)
    click.echo()
    columns = ("stage", "outcome", "seconds", "made", "error")
    rows = [stage.model_dump() | {"made": ", ".join(stage.made)} for stage in record.stages]
    context.answer(rows, columns)


@runs.command()
@click.argument("a")
@click.argument("b", default="last")
@click.pass_obj
def diff(context: Context, a: str, b: str) -> None:
    """Show what differs between two runs: settings, code, data, figures.

    \b
    Example:
      recomart runs diff 20260114T103045 last
    """
    from recomart.pipeline.differences import differences

    known = _runs(context)
    found = differences(known.lake, known.get(a), known.get(b))
    context.answer(found, ("what", "name", "a", "b"))


@runs.command()
@click.pass_obj
def send(context: Context) -> None:
    """Tell MLflow and lineage of the runs that they do not know yet; each run does so at its end.

    \b
    Example:
      recomart runs send
    """
    from recomart.pipeline.followers import tell_followers

    told = tell_followers(context.load(), _runs(context))
    context.answer(told, ("follower", "told", "waiting", "cause"))
    if any(one.waiting for one in told):
        sys.exit(4)


@click.command()
@click.argument("run", default="last")
@click.option("--checkout", is_flag=True, help="With RecoMart as it was, from its git.")
@click.pass_obj
def reproduce(context: Context, run: str, checkout: bool) -> None:
    """Do a past run again from its raw data, beside the lake; compare every data set it made.

    Exit status 1 if one differs.

    \b
    Examples:
      recomart reproduce last
      recomart reproduce 20260114T103045 --checkout
    """
    from recomart.pipeline.past_code import reproduce_with
    from recomart.pipeline.reproduction import reproduce as do_again

    loaded, record = context.load(), _runs(context).get(run)
    if checkout:
        sys.exit(reproduce_with(record, loaded.folder, as_json=context.as_json))
    found = do_again(loaded, record)
    context.answer(found, ("dataset", "recorded", "made", "is_same", "is_same_code"))
    if not context.as_json:
        click.echo(_verdict(found))
    if not all(one.is_same for one in found):
        sys.exit(1)


def _verdict(found: list[Remade]) -> str:
    differing = [one for one in found if not one.is_same]
    if not differing:
        return f"\nAll {len(found)} data sets are the same, byte for byte."
    told = f"\n{len(differing)} of {len(found)} data sets differ."
    if all(one.is_same_code for one in differing):
        return told
    return f"{told} This is not the code of the run; --checkout takes that from git."
