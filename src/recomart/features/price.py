"""Features of an item's price over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    attach,
    days_between,
    feature_view,
    history_before,
    ratio,
)
from recomart.vocabulary import DAY_US, FOREVER_US

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings

WINDOW_DAYS = 30


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("price", "float64", "price just before the moment"),
        Feature("lowest_30d", "float64", "lowest price that held in the last 30 days", WINDOW_DAYS),
        Feature("highest_30d", "float64", "the highest", WINDOW_DAYS),
        Feature("discount_30d", "float64", "1 - price / highest; 0 is no discount", WINDOW_DAYS),
        Feature("n_changes_30d", "int64", "changes of price in the last 30 days", WINDOW_DAYS),
        Feature("days_since_change", "float64", "days; null where it never changed"),
        Feature("last_change", "float64", "price / price before the last change, less 1"),
    )


@feature_view(
    "price_features",
    keys={"item_id": "string"},
    says="what an item costs, and how that moved",
    features=features,
    source=("item_history",),
)
def price_features(inputs: Inputs) -> Table:
    """Compute the view from the prices that began to hold before the moment."""
    told = _prices(inputs)
    at_us = inputs.moment(told)
    recent = told.until_us > at_us - WINDOW_DAYS * DAY_US
    changed = told.price_before.notnull()
    changed_us = ibis.ifelse(changed, told.since_us, ibis.null("int64"))
    found = told.group_by(inputs.by("item_id")).aggregate(
        lowest_30d=told.price.min(where=recent),
        highest_30d=told.price.max(where=recent),
        n_changes_30d=told.count(
            where=changed & (told.since_us >= at_us - WINDOW_DAYS * DAY_US)
        ).fill_null(0),
        changed_us=changed_us.max(),
    )
    now = told.filter(told.until_us == FOREVER_US)
    now = now.select(*inputs.by("item_id"), "price", "price_before")
    joined = attach(found, now, inputs.by("item_id"))
    return joined.mutate(
        discount_30d=1.0 - ratio(joined.price, joined.highest_30d),
        days_since_change=days_between(inputs.moment(joined), joined.changed_us),
        last_change=ratio(joined.price, joined.price_before) - 1.0,
    )


def _prices(inputs: Inputs) -> Table:
    """Join neighbouring intervals of one price: each price, since when, till when, and before."""
    told = history_before(inputs)
    told = told.filter(told.price.notnull())
    by_time = ibis.window(group_by=inputs.by("item_id"), order_by="valid_from_us")
    marked = told.mutate(price_before=told.price.lag().over(by_time))
    new = marked.price_before.isnull() | (marked.price_before != marked.price)
    began = marked.filter(new)
    until_us = began.valid_from_us.lead().over(by_time).fill_null(FOREVER_US)
    return began.select(
        *inputs.by("item_id"),
        "price",
        "price_before",
        since_us=began.valid_from_us,
        until_us=until_us,
    )
