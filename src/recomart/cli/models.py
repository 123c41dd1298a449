"""Commands over published models: list, compare, choose which one serves."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.lake import Manifest

COLUMNS = ("number", "model", "version", "made_at", "run_id", "metric", "figure", "alias", "why")
BY_HAND = "by hand"


@click.group()
def models() -> None:
    """Look at published models, and choose which one serves; they are named by their number."""


@models.command("list")
@click.pass_obj
def list_(context: Context) -> None:
    """List every published model: how it was judged, and which one serves.

    \b
    Example:
      recomart models list
    """
    from recomart.evaluation.published import list_published

    context.answer(list_published(context.lake()), COLUMNS)


@models.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--why", default=BY_HAND, show_default=True, help="Kept with the decision.")
@click.pass_obj
def promote(context: Context, number: int | None, why: str) -> None:
    """Let a published model serve; without a number the newest, and every newer one after it.

    \b
    Examples:
      recomart models promote 3 --why "newer ones sell less"
      recomart models promote
    """
    from recomart.pipeline.promotion import promote as let_serve

    _say(context, let_serve(context.load(), number, why), why)


@models.command()
@click.option("--why", default=BY_HAND, show_default=True, help="Kept with the decision.")
@click.pass_obj
def rollback(context: Context, why: str) -> None:
    """Let the model before the champion serve, and hold it until another one is promoted.

    \b
    Example:
      recomart models rollback --why "complaints since this morning"
    """
    from recomart.pipeline.promotion import rollback as let_serve_before

    _say(context, let_serve_before(context.load(), why), why)


@models.command()
@click.argument("one")
@click.argument("other")
@click.pass_obj
def compare(context: Context, one: str, other: str) -> None:
    """Compare two published models, by number or as `champion` and `challenger`.

    \b
    Examples:
      recomart models compare champion challenger
      recomart models compare 3 5
    """
    from recomart.evaluation.published import compare_published, find_published

    lake = context.lake()
    found = compare_published(lake, find_published(lake, one), find_published(lake, other))
    if context.as_json:
        context.answer_one(asdict(found))
        return
    for part in (found.figures, found.differs):
        rows = [{"what": name, one: mine, other: its} for name, (mine, its) in part.items()]
        context.answer(rows, ("what", one, other))
        click.echo()
    click.echo(found.says)


def _say(context: Context, serving: Manifest, why: str) -> None:
    """Tell which model serves from now on, and whether it is held."""
    from recomart.ranking.aliases import held_by

    is_held = held_by(context.lake()).number is not None
    told = {"number": serving.number, "model": serving.details["model"], "is_held": is_held}
    if context.as_json:
        context.answer_one({**told, "version": serving.version, "why": why})
        return
    until = ", until another is promoted" if is_held else ", and every newer one after it"
    click.echo(f"Model {serving.number} ({told['model']}) serves from now on{until}.")
