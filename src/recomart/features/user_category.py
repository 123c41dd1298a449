"""Features of a user with a category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    count_of,
    days_between,
    feature_view,
    is_interaction,
    mean_of,
    net_purchases,
    ratio,
    score_of,
    within,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("interaction_count", "int64", "events, without cancellations and ratings"),
        Feature("interactions_30d", "int64", "interactions in the last 30 days", 30),
        Feature("total_interaction_score", "float64", "sum of strengths; cancellations take away"),
        Feature("affinity", "float64", "share of the user's interactions with any category"),
        Feature("n_purchases", "int64", "purchases, less those taken back"),
        Feature("avg_price", "float64", "mean price of what was interacted with"),
        Feature("days_since_last_interaction", "float64", "days"),
    )


@feature_view(
    "user_category_features",
    keys={"user_id": "string", "category_id": "string"},
    says="what a user did in a category, and how it is liked beside others",
    features=features,
    depends_on=("user_id",),
)
def user_category_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events that have a category."""
    e = inputs.events.filter(inputs.events.category_id.notnull())
    counted = is_interaction(e)
    found = e.group_by(inputs.by("user_id", "category_id")).aggregate(
        interaction_count=count_of(e, counted),
        interactions_30d=count_of(e, counted & within(e, inputs.moment(e), 30)),
        total_interaction_score=score_of(e),
        n_purchases=net_purchases(e),
        avg_price=mean_of(e, "price", counted),
        last_us=e.occurred_us.max(),
    )
    of_user = found.interaction_count.sum().over(ibis.window(group_by=inputs.by("user_id")))
    return found.mutate(
        affinity=ratio(found.interaction_count, of_user),
        days_since_last_interaction=days_between(inputs.moment(found), found.last_us),
    )
