"""Features of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    attach,
    count_of,
    days_between,
    feature_view,
    history_before,
    is_interaction,
    is_kind,
    mean_of,
    net_purchases,
    rating_variance,
    ratio,
    score_of,
    within,
)
from recomart.features.encoders import UNKNOWN, category_codes, scaled, with_price_range
from recomart.vocabulary import ADD_TO_CART, CANCEL, DAY_US, VIEW

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
        Feature("distinct_users", "int64", "different users who interacted with it"),
        Feature("popularity", "float64", "share of items with at most as many users, 0 to 1"),
        Feature("n_views", "int64", "views"),
        Feature("n_carts", "int64", "times put into a cart"),
        Feature("n_purchases", "int64", "purchases, less those taken back"),
        Feature("n_cancels", "int64", "purchases taken back"),
        Feature("conversion_to_cart", "float64", "carts / views; null without views"),
        Feature("conversion_to_purchase", "float64", "purchases / views; null without views"),
        Feature("avg_rating", "float64", "mean rating, 1–5"),
        Feature("n_ratings", "int64", "ratings"),
        Feature("rating_consistency", "float64", "1 / (1 + variance of its ratings)"),
        Feature("price", "float64", "price in the catalogue"),
        Feature("price_normalised", "float64", "price within the range of the past, 0 to 1"),
        Feature("price_relative_to_category", "float64", "price / mean price of its category"),
        Feature("price_change_7d", "float64", "price now / price 7 days before, less 1"),
        Feature("category_code", "int64", "its category as a number; 0 is unknown"),
        *(
            Feature(f"interactions_{days}d", "int64", f"interactions in the last {days} days", days)
            for days in settings.windows_days
        ),
        Feature("trend", "float64", "ln((last 7 days + 1) / (7 days before them + 1))"),
        Feature("days_since_last_interaction", "float64", "days"),
        Feature("days_since_first_interaction", "float64", "days"),
    )


@feature_view(
    "item_features",
    keys={"item_id": "string"},
    says="how an item is met, bought, rated, priced",
    features=features,
    source=("events", "item_history"),
)
def item_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, joined with what the catalogue knows."""
    items = _with_ratios(inputs, _from_events(inputs))
    joined = attach(items, _from_catalogue(inputs), inputs.by("item_id"))
    return joined.mutate(category_code=joined.category_code.fill_null(UNKNOWN))


def _from_events(inputs: Inputs) -> Table:
    e = inputs.events
    at_us = inputs.moment(e)
    counted = is_interaction(e)
    two_weeks = counted & within(e, at_us, 14) & ~within(e, at_us, 7)
    return e.group_by(inputs.by("item_id")).aggregate(
        total_interactions=count_of(e, counted),
        total_interaction_score=score_of(e),
        distinct_users=e.user_id.nunique(where=counted),
        n_views=count_of(e, is_kind(e, VIEW)),
        n_carts=count_of(e, is_kind(e, ADD_TO_CART)),
        n_purchases=net_purchases(e),
        n_cancels=count_of(e, is_kind(e, CANCEL)),
        avg_rating=mean_of(e, "rating"),
        n_ratings=e.rating.count(),
        var_rating=rating_variance(e),
        last_us=e.occurred_us.max(),
        first_us=e.occurred_us.min(),
        last_week=count_of(e, counted & within(e, at_us, 7)),
        week_before=count_of(e, two_weeks),
        **{
            f"interactions_{days}d": count_of(e, counted & within(e, at_us, days))
            for days in inputs.settings.windows_days
        },
    )


def _with_ratios(inputs: Inputs, items: Table) -> Table:
    rising = ibis.window(group_by=inputs.by(), order_by="distinct_users")
    at_us = inputs.moment(items)
    weeks = (items.last_week + 1).cast("float64") / (items.week_before + 1).cast("float64")
    return items.mutate(
        avg_interaction_score=ratio(items.total_interaction_score, items.total_interactions),
        popularity=ibis.cume_dist().over(rising),
        conversion_to_cart=ratio(items.n_carts, items.n_views),
        conversion_to_purchase=ratio(items.n_purchases, items.n_views),
        rating_consistency=1.0 / (1.0 + items.var_rating),
        trend=weeks.ln(),
        days_since_last_interaction=days_between(at_us, items.last_us),
        days_since_first_interaction=days_between(at_us, items.first_us),
    )


def _from_catalogue(inputs: Inputs) -> Table:
    """Return prices and categories as they were just before the moment."""
    now = _held(inputs, 0)
    week_ago = _held(inputs, 7 * DAY_US).rename(price_before="price").drop("category_id")
    mean = now.group_by(inputs.by("category_id")).aggregate(mean_price=mean_of(now, "price"))
    joined = attach(now, mean, inputs.by("category_id"))
    joined = attach(joined, category_codes(inputs), inputs.by("category_id"))
    joined = attach(joined, week_ago, inputs.by("item_id"))
    joined = with_price_range(inputs, joined)
    return joined.select(
        *inputs.by("item_id"),
        "price",
        price_normalised=scaled(joined.price, joined.price_min, joined.price_max),
        price_relative_to_category=ratio(joined.price, joined.mean_price),
        price_change_7d=ratio(joined.price, joined.price_before) - 1.0,
        category_code=joined.code,
    )


def _held(inputs: Inputs, before_us: int) -> Table:
    """Return the prices and categories that held just before so many µs before the moment."""
    told = history_before(inputs)
    told = told.filter(told.valid_from_us < inputs.moment(told) - before_us)
    newest = ibis.window(group_by=inputs.by("item_id"), order_by=told.valid_from_us.desc())
    told = told.mutate(place=ibis.row_number().over(newest))
    return told.filter(told.place == 0).select(*inputs.by("item_id"), "price", "category_id")
