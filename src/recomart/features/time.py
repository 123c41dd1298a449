"""Features of an hour of the week: when people come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    count_of,
    feature_view,
    is_interaction,
    is_kind,
    ratio,
)
from recomart.vocabulary import ADD_TO_CART, PURCHASE, VIEW

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("n_events", "int64", "interactions in this hour of the week, UTC"),
        Feature("share", "float64", "its share of all interactions"),
        Feature("n_views", "int64", "views"),
        Feature("n_carts", "int64", "times something was put into a cart"),
        Feature("n_purchases", "int64", "purchases"),
    )


@feature_view(
    "time_features",
    keys={"day_of_week": "int64", "hour": "int64"},
    says="how busy each hour of the week is",
    features=features,
    fresh_days=None,
)
def time_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events."""
    e = inputs.events.filter(is_interaction(inputs.events))
    hours = e.group_by(inputs.by("day_of_week", "hour")).aggregate(
        n_events=e.count(),
        n_views=count_of(e, is_kind(e, VIEW)),
        n_carts=count_of(e, is_kind(e, ADD_TO_CART)),
        n_purchases=count_of(e, is_kind(e, PURCHASE)),
    )
    of_all = hours.n_events.sum().over(ibis.window(group_by=inputs.by()))
    return hours.mutate(share=ratio(hours.n_events, of_all))
