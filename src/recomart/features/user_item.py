"""Features of a user with an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    attach,
    count_of,
    days_between,
    feature_view,
    is_interaction,
    mean_of,
    net_purchases,
    ratio,
    score_of,
)

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("interaction_count", "int64", "events, without cancellations and ratings"),
        Feature("total_interaction_score", "float64", "sum of strengths; cancellations take away"),
        Feature(
            "affinity", "float64", "share of the user's score; null where that is not positive"
        ),
        Feature("rating_difference", "float64", "the user's rating less the item's mean rating"),
        Feature("n_purchases", "int64", "purchases, less those taken back"),
        Feature("days_since_last_interaction", "float64", "days"),
    )


@feature_view(
    "user_item_features",
    keys={"user_id": "string", "item_id": "string"},
    says="what a user did with an item",
    features=features,
    depends_on=("user_id",),
    looks_around=True,  # at the mean rating of the item
)
def user_item_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, and the totals it compares with."""
    e = inputs.events
    pairs = e.group_by(inputs.by("user_id", "item_id")).aggregate(
        interaction_count=count_of(e, is_interaction(e)),
        total_interaction_score=score_of(e),
        rating=mean_of(e, "rating"),
        n_purchases=net_purchases(e),
        last_us=e.occurred_us.max(),
    )
    rated = inputs.all_events.filter(inputs.all_events.rating.notnull())
    items = rated.group_by(inputs.by("item_id")).aggregate(of_item=mean_of(rated, "rating"))
    pairs = attach(pairs, items, inputs.by("item_id"))
    of_user = pairs.total_interaction_score.sum().over(ibis.window(group_by=inputs.by("user_id")))
    return pairs.mutate(
        affinity=ratio(pairs.total_interaction_score, of_user),
        rating_difference=pairs.rating - pairs.of_item,
        days_since_last_interaction=days_between(inputs.moment(pairs), pairs.last_us),
    )
