"""Features of a user."""

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
    is_kind,
    mean_of,
    net_purchases,
    rating_variance,
    ratio,
    score_of,
    within,
)
from recomart.vocabulary import CANCEL, PURCHASE, VIEW

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(settings: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("total_interactions", "int64", "events, without cancellations and ratings"),
        Feature("total_interaction_score", "float64", "sum of strengths; cancellations take away"),
        Feature("avg_interaction_score", "float64", "score / interactions"),
        Feature("distinct_items", "int64", "different items interacted with"),
        Feature("n_sessions", "int64", "sessions begun"),
        Feature("n_purchases", "int64", "purchases, less those taken back"),
        Feature("n_cancels", "int64", "purchases taken back"),
        Feature("purchase_share", "float64", "purchases / interactions"),
        Feature("avg_rating_given", "float64", "mean of the ratings given, 1–5"),
        Feature("var_rating_given", "float64", "population variance of the ratings given"),
        Feature("range_rating_given", "float64", "highest less lowest rating given"),
        Feature("avg_price", "float64", "mean price of what was interacted with"),
        Feature("avg_price_viewed", "float64", "mean price of what was viewed"),
        Feature("avg_price_bought", "float64", "mean price of what was bought"),
        Feature("days_since_last_interaction", "float64", "days"),
        Feature("days_since_first_interaction", "float64", "days"),
        Feature("active_days", "int64", "different UTC days with an event"),
        Feature("activity_frequency", "float64", "interactions for each active day"),
        *(
            Feature(f"interactions_{days}d", "int64", f"interactions in the last {days} days", days)
            for days in settings.windows_days
        ),
        Feature("purchases_7d", "int64", "purchases in the last 7 days", 7),
        Feature("favourite_category", "string", "category with most interactions; ties: lowest id"),
        Feature("favourite_category_share", "float64", "its share of interactions with a category"),
    )


@feature_view(
    "user_features",
    keys={"user_id": "string"},
    says="what a user did, how much, how recently",
    features=features,
    depends_on=("user_id",),
)
def user_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, and one over users and categories."""
    e = inputs.events
    at_us = inputs.moment(e)
    counted = is_interaction(e)
    users = e.group_by(inputs.by("user_id")).aggregate(
        total_interactions=count_of(e, counted),
        total_interaction_score=score_of(e),
        distinct_items=e.item_id.nunique(where=counted),
        n_sessions=count_of(e, e.session_position == 1),
        n_purchases=net_purchases(e),
        n_cancels=count_of(e, is_kind(e, CANCEL)),
        avg_rating_given=mean_of(e, "rating"),
        var_rating_given=rating_variance(e),
        range_rating_given=e.rating.max() - e.rating.min(),
        avg_price=mean_of(e, "price", counted),
        avg_price_viewed=mean_of(e, "price", is_kind(e, VIEW)),
        avg_price_bought=mean_of(e, "price", is_kind(e, PURCHASE)),
        last_us=e.occurred_us.max(),
        first_us=e.occurred_us.min(),
        active_days=e.day.nunique(),
        purchases_7d=count_of(e, is_kind(e, PURCHASE) & within(e, at_us, 7)),
        **{
            f"interactions_{days}d": count_of(e, counted & within(e, at_us, days))
            for days in inputs.settings.windows_days
        },
    )
    at_us = inputs.moment(users)
    users = users.mutate(
        avg_interaction_score=ratio(users.total_interaction_score, users.total_interactions),
        purchase_share=ratio(users.n_purchases, users.total_interactions),
        days_since_last_interaction=days_between(at_us, users.last_us),
        days_since_first_interaction=days_between(at_us, users.first_us),
        activity_frequency=ratio(users.total_interactions, users.active_days),
    )
    return attach(users, _favourites(inputs), inputs.by("user_id"))


def _favourites(inputs: Inputs) -> Table:
    """Return the category that each user interacted with most, and its share."""
    e = inputs.events.filter(is_interaction(inputs.events) & inputs.events.category_id.notnull())
    counts = e.group_by(inputs.by("user_id", "category_id")).aggregate(n=e.count())
    of_user = ibis.window(group_by=inputs.by("user_id"))
    best_first = ibis.window(
        group_by=inputs.by("user_id"), order_by=[counts.n.desc(), counts.category_id]
    )
    ranked = counts.mutate(
        place=ibis.row_number().over(best_first), of_all=counts.n.sum().over(of_user)
    )
    best = ranked.filter(ranked.place == 0)
    return best.select(
        *inputs.by("user_id"),
        favourite_category=best.category_id,
        favourite_category_share=ratio(best.n, best.of_all),
    )
