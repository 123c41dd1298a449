"""Commands that look: what there is, how it went, whether this machine is fit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.command()
@click.pass_obj
def status(context: Context) -> None:
    """Show every data set: rows, version, age, and the last run.

    \b
    Example:
      recomart status
    """
    from recomart.pipeline.published import data_sets, last_run

    loaded = context.load()
    rows = data_sets(loaded)
    if context.as_json:
        context.answer_one({"data_sets": rows, "last_run": last_run(loaded)})
        return
    context.answer(rows, ("layer", "name", "rows", "files", "version", "made_at"))
    run = last_run(loaded)
    if run:
        click.echo(f"\nLast run {run['run_id']}: {run['outcome']} in {run['seconds']} s.")


@click.command()
@click.option("--open", "open_it", is_flag=True, help="Open the index in a browser.")
@click.pass_obj
def report(context: Context, open_it: bool) -> None:
    """Write the HTML reports of the current data sets and say where they are.

    \b
    Example:
      recomart report --open
    """
    from recomart.pipeline.published import publish_reports

    paths = publish_reports(context.load())
    if context.as_json:
        context.answer_one({"reports": [str(path) for path in paths]})
        return
    for path in paths:
        click.echo(path)
    if open_it and paths:
        click.launch(str(paths[0]))


@click.command()
@click.option("--verify", is_flag=True, help="Also read every stored byte and check its sha256.")
@click.pass_obj
def doctor(context: Context, verify: bool) -> None:
    """Check machine, settings, lake, data, stores, model and services; change nothing.

    Each problem is told with its code and remedy. It takes seconds, also where a server hangs;
    --verify reads all that is stored, and has a bucket keep a small object for a moment.
    Ends with 1 if something is wrong.

    \b
    Examples:
      recomart doctor
      recomart -s my-shop --json doctor --verify
    """
    from recomart.pipeline.doctor import examine

    findings = examine(context.load, verify=verify)
    context.answer(findings, ("check", "ok", "found", "code", "remedy"))
    n_wrong = sum(not finding.ok for finding in findings)
    if not context.as_json:
        click.echo(f"{n_wrong} wrong." if n_wrong else "Nothing is wrong.")
    if n_wrong:
        sys.exit(1)
