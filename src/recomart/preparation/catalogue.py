"""The catalogue as of now: every item that was seen, its gaps filled and flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.preparation.events import newest
from recomart.vocabulary import FOREVER_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibis.expr.types import Table

STATIC = {
    "description": "string",
    "image": "string",
    "rating": "float64",
    "rating_count": "int64",
}
"""Attributes of which only the latest value is kept."""
CATALOGUE = {
    "item_id": "string",
    "title": "string",
    "description": "string",
    "category_id": "string",
    "brand": "string",
    "image": "string",
    "price": "float64",
    "rating": "float64",
    "rating_count": "int64",
    "available": "boolean",
    "is_title_imputed": "boolean",
    "is_price_imputed": "boolean",
    "n_events": "int64",
}
"""Columns of `catalogue`."""


def catalogue_of(history: Table, snapshots: Table | None, events: Table) -> Table:
    """Return one row per item of the catalogue or the events, by item_id; see `CATALOGUE`.

    A missing title becomes the item id, a missing price the median of its category, else
    of all items; `is_…_imputed` says so. No price anywhere: it stays null.
    """
    latest = history.filter(history.valid_to_us == FOREVER_US)
    latest = latest.drop("valid_from_us", "valid_to_us", "known_from_us")
    counted = events.group_by("item_id").aggregate(
        n_events=events.count(),
        __category=newest(events.category_id, events.occurred_us, events.event_id),
    )
    joined = latest.outer_join(counted, "item_id")
    items = joined.mutate(
        item_id=ibis.coalesce(joined.item_id, joined.item_id_right),
        category_id=ibis.coalesce(joined.category_id, joined["__category"]),
        n_events=joined.n_events.fill_null(0),
    ).drop("item_id_right", "__category")
    return (
        _imputed(_with_static(items, snapshots))
        .cast(CATALOGUE)
        .select(*CATALOGUE)
        .order_by("item_id")
    )


def _with_static(items: Table, snapshots: Table | None) -> Table:
    if snapshots is None:
        return items.mutate(**{name: ibis.null(kind) for name, kind in STATIC.items()})
    order = [snapshots.occurred_us, snapshots.arrived_us]
    latest = snapshots.group_by("item_id").aggregate(
        **{name: newest(snapshots[name], *order) for name in STATIC}
    )
    return items.left_join(latest, "item_id").drop("item_id_right")


def _imputed(items: Table) -> Table:
    of_category = _median_price(items, ["category_id"]).rename(__of_category="median")
    of_all = _median_price(items, []).rename(__of_all="median")
    known = items.left_join(of_category, "category_id").cross_join(of_all)
    guess = ibis.coalesce(known["__of_category"], known["__of_all"])
    return known.mutate(
        is_title_imputed=known.title.isnull(),
        is_price_imputed=known.price.isnull() & guess.notnull(),
        title=known.title.fill_null(known.item_id),
        price=known.price.fill_null(guess),
    )


def _median_price(items: Table, keys: Sequence[str]) -> Table:
    """Return the median of the prices by `keys`, the mean of the two in the middle.

    By hand: engines differ in the last digit of theirs.
    """
    priced = items.filter(items.price.notnull())
    placed = priced.mutate(
        __place=ibis.row_number().over(group_by=keys, order_by="price"),
        __n=priced.count().over(group_by=keys),
    )
    twice = 2 * placed["__place"]
    middle = placed.filter((twice >= placed["__n"] - 2) & (twice <= placed["__n"]))
    return middle.aggregate(by=keys, median=(middle.price.min() + middle.price.max()) / 2)
