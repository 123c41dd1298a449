"""Commands that ask the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recomart.cli.context import Context
    from recomart.ranking import Champion, Recommendation

COLUMNS = ("rank", "item_id", "title", "price", "confidence", "reason")


@click.command()
@click.option("--user", "-u", "user_id", required=True, metavar="ID", help="Whom for.")
@click.option("-n", "--n-items", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option("--explain", is_flag=True, help="Also show the history that it starts from.")
@click.option("--include-seen", is_flag=True, help="Do not leave out what the user had.")
@click.option(
    "--min-confidence",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="Leave out what is less sure.",
)
@click.pass_obj
def recommend(
    context: Context,
    user_id: str,
    n_items: int,
    explain: bool,
    include_seen: bool,
    min_confidence: float,
) -> None:
    """Rank items for a user, best first. A user nobody knows gets what is popular now.

    \b
    Examples:
      recomart recommend --user 17850 -n 5 --explain
      recomart --json recommend -u 17850
    """
    from recomart.ranking import Champion

    loaded = context.load()
    champion = Champion.open(loaded)
    exclude_seen = loaded.settings.evaluation.exclude_seen and not include_seen
    lines = champion.recommend(
        user_id, n_items, exclude_seen=exclude_seen, min_confidence=min_confidence
    )
    if explain and not context.as_json:
        _explain(champion, user_id, lines)
    context.answer(lines, (*COLUMNS[:-1], "score", "source", "reason") if explain else COLUMNS)


def _explain(champion: Champion, user_id: str, lines: Sequence[Recommendation]) -> None:
    for did, title in champion.history_of(user_id, 5):
        click.echo(f"  {did} {title}")
    click.echo(f"  model: {champion.name}, version {champion.version}")
    for line in lines[:1]:
        click.echo(f"  recommendation: {line.recommendation_id}")
    click.echo()


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


@click.command()
@click.option("--item", "-i", "items", multiple=True, metavar="ID", help="Viewed; repeatable.")
@click.option("-n", "--n-items", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.pass_obj
def session(context: Context, items: tuple[str, ...], n_items: int) -> None:
    """Rank items for an anonymous session that viewed these, the latest last.

    \b
    Example:
      recomart session --item 85123A --item 22423 -n 5
    """
    from recomart.ranking import Champion

    champion = Champion.open(context.load())
    context.answer(champion.recommend_after(items, n_items), COLUMNS)


@click.command()
@click.option("--item", "-i", "items", multiple=True, metavar="ID", help="In the cart; repeatable.")
@click.option("-n", "--n-items", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.pass_obj
def bundle(context: Context, items: tuple[str, ...], n_items: int) -> None:
    """Rank items that go with a cart.

    \b
    Example:
      recomart bundle --item 85123A --item 22423 -n 5
    """
    from recomart.ranking import Champion

    context.answer(Champion.open(context.load()).bundle(items, n_items), COLUMNS)
