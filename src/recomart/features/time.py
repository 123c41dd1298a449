"""Features of an hour of the week: when people come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.features.definition import (
    Feature,
    FeatureView,
    count_of,
    is_interaction,
    is_kind,
    ratio,
)
from recomart.vocabulary import PURCHASE

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what `of` computes, in order."""
    return (
        Feature("n_events", "int64", "interactions in this hour of the week, UTC"),
        Feature("share", "float64", "its share of all interactions"),
        Feature("n_purchases", "int64", "purchases"),
    )


def of(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events."""
    e = inputs.events.filter(is_interaction(inputs.events))
    hours = e.group_by(["day_of_week", "hour"]).aggregate(
        n_events=e.count(), n_purchases=count_of(e, is_kind(e, PURCHASE))
    )
    return hours.mutate(share=ratio(hours.n_events, hours.n_events.sum().over()))


TIME = FeatureView(
    name="time_features",
    keys={"day_of_week": "int64", "hour": "int64"},
    says="how busy each hour of the week is",
    features=features,
    of=of,
)
