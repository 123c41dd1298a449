"""Commands that ask the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context

COLUMNS = ("rank", "item_id", "title", "price", "score", "reason")


@click.command()
@click.option("--user", "-u", "user_id", required=True, metavar="ID", help="Whom for.")
@click.option("-n", "--n-items", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option("--explain", is_flag=True, help="Also show the history that it starts from.")
@click.option("--include-seen", is_flag=True, help="Do not leave out what the user had.")
@click.pass_obj
def recommend(
    context: Context, user_id: str, n_items: int, explain: bool, include_seen: bool
) -> None:
    """Rank items for a user, best first. A user nobody knows gets what is popular now.

    \b
    Examples:
      recomart recommend --user 17850 -n 5 --explain
      recomart --json recommend -u 17850
    """
    from recomart.ranking import Champion

    champion = Champion.open(context.load())
    if explain and not context.as_json:
        for did, title in champion.history_of(user_id, 5):
            click.echo(f"  {did} {title}")
        click.echo(f"  model: {champion.name}, version {champion.version}\n")
    lines = champion.recommend(user_id, n_items, exclude_seen=not include_seen)
    context.answer(lines, (*COLUMNS[:-1], "source", "reason") if explain else COLUMNS)


@click.command()
@click.option("--item", "-i", "item_id", required=True, metavar="ID", help="Like what.")
@click.option("-n", "--n-items", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.pass_obj
def similar(context: Context, item_id: str, n_items: int) -> None:
    """Rank items by their likeness to one.

    \b
    Example:
      recomart similar --item 85123A -n 5
    """
    from recomart.ranking import Champion

    context.answer(Champion.open(context.load()).similar(item_id, n_items), COLUMNS)
