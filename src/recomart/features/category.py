"""Features of a category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    attach,
    count_of,
    feature_view,
    is_interaction,
    is_kind,
    mean_of,
    net_purchases,
    ratio,
    within,
)
from recomart.vocabulary import VIEW

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("parent_id", "string", "the category above it"),
        Feature("path", "string", "from the root, such as /a/b/c"),
        Feature("depth", "int64", "steps from the root"),
        Feature("n_items", "int64", "different items interacted with"),
        Feature("total_interactions", "int64", "events, without cancellations and ratings"),
        Feature("interactions_7d", "int64", "interactions in the last 7 days"),
        Feature("conversion_to_purchase", "float64", "purchases / views; null without views"),
        Feature("mean_price", "float64", "mean price of what was interacted with"),
        Feature("share_among_siblings", "float64", "share of the interactions under its parent"),
    )


@feature_view(
    "category_features",
    keys={"category_id": "string"},
    says="how a category does, in the tree and beside its siblings",
    features=features,
    source=("events", "categories"),
)
def category_features(inputs: Inputs) -> Table:
    """Compute the view for every category of the tree, those without events included."""
    e = inputs.events.filter(inputs.events.category_id.notnull())
    counted = is_interaction(e)
    found = e.group_by(inputs.by("category_id")).aggregate(
        n_items=e.item_id.nunique(where=counted),
        total_interactions=count_of(e, counted),
        interactions_7d=count_of(e, counted & within(e, inputs.moment(e), 7)),
        n_views=count_of(e, is_kind(e, VIEW)),
        n_purchases=net_purchases(e),
        mean_price=mean_of(e, "price", counted),
    )
    joined = attach(inputs.at_each(inputs.categories), found, inputs.by("category_id"))
    counts = ("n_items", "total_interactions", "interactions_7d", "n_views", "n_purchases")
    joined = joined.mutate(**{name: joined[name].fill_null(0) for name in counts})
    siblings = joined.total_interactions.sum().over(ibis.window(group_by=inputs.by("parent_id")))
    return joined.mutate(
        conversion_to_purchase=ratio(joined.n_purchases, joined.n_views),
        share_among_siblings=ratio(joined.total_interactions, siblings),
    )
