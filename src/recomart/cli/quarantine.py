"""Commands over the quarantine."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.group()
def quarantine() -> None:
    """Look at rows that were put aside, and try them again."""


@quarantine.command("list")
@click.pass_obj
def list_waiting(context: Context) -> None:
    """Count what waits, by source and rule.

    \b
    Example:
      recomart quarantine list
    """
    from recomart.quality.quarantine import waiting

    rows = waiting(context.lake(), context.load().settings)
    context.answer(rows, ("source", "rule", "rows", "files"))


@quarantine.command()
@click.option("--source", metavar="NAME", help="Only of this source.")
@click.option("--rule", metavar="CODE", help="Only rows that break this rule.")
@click.option("-n", "--most", default=20, show_default=True, help="Rows at most.")
@click.option("--csv", "as_csv", is_flag=True, help="As a file to be mended; needs --source.")
@click.pass_obj
def show(context: Context, source: str | None, rule: str | None, most: int, as_csv: bool) -> None:
    """Show rows with their file, line, rules and raw text.

    \b
    Examples:
      recomart quarantine show --rule EV-USER -n 5
      recomart quarantine show --source invoices --csv > mend-me.csv
    """
    from recomart.quality import quarantine as room

    lake, settings = context.lake(), context.load().settings
    if as_csv:
        click.echo(room.as_csv(lake, settings, source or next(iter(settings.sources))), nl=False)
        return
    rows = room.quarantined_rows(lake, settings, source=source, rule=rule)
    context.answer(islice(rows, most), ("source", "file", "line", "rules", "raw"))


@quarantine.command()
@click.option("--source", metavar="NAME", help="Source that --mended belongs to.")
@click.option(
    "--mended", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Mended rows."
)
@click.pass_obj
def replay(context: Context, source: str | None, mended: Path | None) -> None:
    """Try rows again: with the contract as it is now, or as they were mended in a file.

    \b
    Examples:
      recomart quarantine replay
      recomart quarantine replay --source invoices --mended mended.csv
    """
    from recomart.pipeline.replay import replay as try_again

    context.answer(try_again(context.load(), source, mended), ("source", "before", "after"))
