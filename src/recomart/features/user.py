"""Features of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    FeatureView,
    count_of,
    days_between,
    is_interaction,
    is_kind,
    net_purchases,
    ratio,
    within,
)
from recomart.vocabulary import CANCEL, PURCHASE

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(settings: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what `of` computes, in order."""
    return (
        Feature("total_interactions", "int64", "events, without cancellations and ratings"),
        Feature("total_interaction_score", "float64", "sum of strengths; cancellations take away"),
        Feature("avg_interaction_score", "float64", "score / interactions"),
        Feature("distinct_items", "int64", "different items interacted with"),
        Feature("n_sessions", "int64", "sessions"),
        Feature("n_purchases", "int64", "purchases, less those taken back"),
        Feature("n_cancels", "int64", "purchases taken back"),
        Feature("purchase_share", "float64", "purchases / interactions"),
        Feature("avg_rating_given", "float64", "mean of the ratings given, 1–5"),
        Feature("var_rating_given", "float64", "population variance of the ratings given"),
        Feature("range_rating_given", "float64", "highest less lowest rating given"),
        Feature("avg_price", "float64", "mean price of what was interacted with"),
        Feature("days_since_last_interaction", "float64", "days"),
        Feature("days_since_first_interaction", "float64", "days"),
        Feature("active_days", "int64", "different UTC days with an event"),
        Feature("activity_frequency", "float64", "interactions for each active day"),
        *(
            Feature(f"interactions_{days}d", "int64", f"interactions in the last {days} days")
            for days in settings.windows_days
        ),
        Feature("purchases_7d", "int64", "purchases in the last 7 days"),
        Feature("favourite_category", "string", "category with most interactions; ties: lowest id"),
        Feature("favourite_category_share", "float64", "its share of interactions with a category"),
    )


def of(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, and one over users and categories."""
    e, at_us = inputs.events, inputs.at_us
    counted = is_interaction(e)
    users = e.group_by("user_id").aggregate(
        total_interactions=count_of(e, counted),
        total_interaction_score=e.strength.sum(),
        distinct_items=e.item_id.nunique(where=counted),
        n_sessions=e.session_id.nunique(),
        n_purchases=net_purchases(e),
        n_cancels=count_of(e, is_kind(e, CANCEL)),
        avg_rating_given=e.rating.mean(),
        var_rating_given=e.rating.var(how="pop"),
        range_rating_given=e.rating.max() - e.rating.min(),
        avg_price=e.price.mean(where=counted),
        last_us=e.occurred_us.max(),
        first_us=e.occurred_us.min(),
        active_days=e.day.nunique(),
        purchases_7d=count_of(e, is_kind(e, PURCHASE) & within(e, at_us, 7)),
        **{
            f"interactions_{days}d": count_of(e, counted & within(e, at_us, days))
            for days in inputs.settings.windows_days
        },
    )
    users = users.mutate(
        avg_interaction_score=ratio(users.total_interaction_score, users.total_interactions),
        purchase_share=ratio(users.n_purchases, users.total_interactions),
        days_since_last_interaction=days_between(at_us, users.last_us),
        days_since_first_interaction=days_between(at_us, users.first_us),
        activity_frequency=ratio(users.total_interactions, users.active_days),
    )
    favourite = _favourites(e.filter(counted & e.category_id.notnull()))
    return users.left_join(favourite, "user_id").drop("user_id_right")


def _favourites(events: Table) -> Table:
    """Return the category that each user interacted with most, and its share."""
    counts = events.group_by(["user_id", "category_id"]).aggregate(n=events.count())
    of_user = ibis.window(group_by="user_id")
    best_first = ibis.window(group_by="user_id", order_by=[counts.n.desc(), counts.category_id])
    ranked = counts.mutate(
        place=ibis.row_number().over(best_first), of_all=counts.n.sum().over(of_user)
    )
    best = ranked.filter(ranked.place == 0)
    return best.select(
        "user_id",
        favourite_category=best.category_id,
        favourite_category_share=ratio(best.n, best.of_all),
    )


USER = FeatureView(
    name="user_features",
    keys={"user_id": "string"},
    says="what a user did, how much, how recently",
    features=features,
    of=of,
)
