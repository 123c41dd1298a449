"""Features of an item."""

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
from recomart.features.encoders import UNKNOWN
from recomart.vocabulary import ADD_TO_CART, CANCEL, DAY_US, VIEW

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
            Feature(f"interactions_{days}d", "int64", f"interactions in the last {days} days")
            for days in settings.windows_days
        ),
        Feature("trend", "float64", "ln((last 7 days + 1) / (7 days before them + 1))"),
        Feature("days_since_last_interaction", "float64", "days"),
        Feature("days_since_first_interaction", "float64", "days"),
    )


def of(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, joined with what the catalogue knows."""
    items = _with_ratios(_from_events(inputs), inputs.at_us)
    joined = items.left_join(_from_catalogue(inputs), "item_id").drop("item_id_right")
    return joined.mutate(category_code=joined.category_code.fill_null(UNKNOWN))


def _from_events(inputs: Inputs) -> Table:
    e, at_us = inputs.events, inputs.at_us
    counted = is_interaction(e)
    two_weeks = counted & within(e, at_us, 14) & ~within(e, at_us, 7)
    return e.group_by("item_id").aggregate(
        total_interactions=count_of(e, counted),
        total_interaction_score=e.strength.sum(),
        distinct_users=e.user_id.nunique(where=counted),
        n_views=count_of(e, is_kind(e, VIEW)),
        n_carts=count_of(e, is_kind(e, ADD_TO_CART)),
        n_purchases=net_purchases(e),
        n_cancels=count_of(e, is_kind(e, CANCEL)),
        avg_rating=e.rating.mean(),
        n_ratings=e.rating.count(),
        var_rating=e.rating.var(how="pop"),
        last_us=e.occurred_us.max(),
        first_us=e.occurred_us.min(),
        last_week=count_of(e, counted & within(e, at_us, 7)),
        week_before=count_of(e, two_weeks),
        **{
            f"interactions_{days}d": count_of(e, counted & within(e, at_us, days))
            for days in inputs.settings.windows_days
        },
    )


def _with_ratios(items: Table, at_us: int) -> Table:
    rising = ibis.window(order_by="distinct_users")
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
    now = _as_of(inputs.history, inputs.at_us - 1)
    week_ago = _as_of(inputs.history, inputs.at_us - 1 - 7 * DAY_US).select(
        "item_id", price_before="price"
    )
    mean = now.group_by("category_id").aggregate(mean_price=now.price.mean())
    joined = now.left_join(mean, "category_id").drop("category_id_right")
    joined = joined.left_join(week_ago, "item_id").drop("item_id_right")
    return joined.select(
        "item_id",
        "price",
        price_normalised=inputs.encoders.scaled_price(joined.price),
        price_relative_to_category=ratio(joined.price, joined.mean_price),
        price_change_7d=ratio(joined.price, joined.price_before) - 1.0,
        category_code=inputs.encoders.category_code(joined.category_id),
    )


def _as_of(history: Table, at_us: int) -> Table:
    held = (history.valid_from_us <= at_us) & (history.valid_to_us > at_us)
    return history.filter(held).select("item_id", "price", "category_id")


ITEM = FeatureView(
    name="item_features",
    keys={"item_id": "string"},
    says="how an item is met, bought, rated, priced",
    features=features,
    of=of,
    source=("events", "item_history"),
)
