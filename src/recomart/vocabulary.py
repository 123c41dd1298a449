"""The words: columns, event types, data set names, units. Written once, used everywhere."""

from __future__ import annotations

from datetime import datetime, timezone

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
FOREVER_US = 2**63 - 1
"""End of a validity interval that is still open."""

VIEW, CLICK, ADD_TO_CART, PURCHASE = "view", "click", "add_to_cart", "purchase"
CANCEL = "cancel"
"""Takes an earlier purchase back; its strength is that of a purchase, negative."""
RATE = "rate"
"""An explicit rating; the value stands in the column `rating`."""
EVENT_TYPES = (VIEW, CLICK, ADD_TO_CART, PURCHASE, CANCEL, RATE)

EVENT_COLUMNS = {
    "event_id": "string",
    "user_id": "string",
    "item_id": "string",
    "event_type": "string",
    "occurred_us": "int64",
    "arrived_us": "int64",
    "transaction_id": "string",
    "device": "string",
    "title": "string",
    "category_id": "string",
    "quantity": "float64",
    "price": "float64",
    "rating": "float64",
    "source": "string",
    "shop_session_id": "string",
    "recommendation_id": "string",
}
"""Columns of a valid event and their types; the first six are never null.

`shop_session_id` is the visit as the shop tells it, under its name `session_id`; what preparation
finds is `session_id`. `recommendation_id` names the list in which the item was recommended.
"""

CATALOGUE_COLUMNS = {
    "item_id": "string",
    "occurred_us": "int64",
    "arrived_us": "int64",
    "title": "string",
    "description": "string",
    "category_id": "string",
    "brand": "string",
    "image": "string",
    "price": "float64",
    "rating": "float64",
    "rating_count": "int64",
    "available": "boolean",
    "source": "string",
}
"""Columns of a valid catalogue row; `occurred_us` is when the attributes became so."""

PROPERTY_COLUMNS = {
    "item_id": "string",
    "occurred_us": "int64",
    "arrived_us": "int64",
    "property": "string",
    "value": "string",
    "source": "string",
}
"""Columns of a valid time-varying item property."""

CATEGORY_COLUMNS = {
    "category_id": "string",
    "parent_id": "string",
    "arrived_us": "int64",
    "source": "string",
}
"""Columns of a valid edge of the category tree; a root has no parent."""

COLUMNS_OF = {
    "events": EVENT_COLUMNS,
    "catalogue": CATALOGUE_COLUMNS,
    "item_properties": PROPERTY_COLUMNS,
    "categories": CATEGORY_COLUMNS,
}
"""Columns of ``valid_<source>``, by what the source holds."""

QUARANTINE_COLUMNS = {
    "file": "string",
    "line": "int64",
    "rules": "string",
    "raw": "string",
    "source": "string",
}
"""Columns of ``quarantined_<source>``; `rules` are codes joined by spaces, `line` is 1-based."""

PREPARED_COLUMNS = {
    **EVENT_COLUMNS,
    "day": "int32",
    "hour": "int8",
    "day_of_week": "int8",
    "strength": "float64",
    "session_id": "string",
    "session_position": "int32",
}
"""Columns of the prepared data set `events`."""

EXPOSURE_COLUMNS = {
    "recommendation_id": "string",
    "shown_us": "int64",
    "model": "string",
    "model_version": "string",
    "experiment": "string",
    "variant": "string",
    "unit": "string",
    "propensity": "float64",
    "rank": "int32",
    "item_id": "string",
    "source": "string",
    "score": "float64",
    "confidence": "float64",
}
"""Columns of the data set `exposures`: a row a line of a list that was shown, never to whom.

Of a list that was part of an experiment: its variant, the probability with which chance gave that
variant, and a salted code of the unit (`ranking.assignment.place_of`); of others these are null.
"""
RECOMMENDATIONS = "recommendations"
RECOMMENDATION_COLUMNS = {
    "user_id": "string",
    "rank": "int32",
    "item_id": "string",
    "score": "float32",
    "source": "string",
}
"""Columns of `recommendations`; rank 1 is best, a score compares within one user's list only and is
null where popularity filled it."""

LAYERS = ("raw", "validated", "prepared", "features", "models")

_LAYER_BY_PREFIX = {"raw_": "raw", "valid_": "validated", "quarantined_": "validated"}
_LAYER_BY_NAME = {
    "quality": "validated",
    **dict.fromkeys(
        ("events", "exposures", "item_history", "catalogue", "categories", "exploration"),
        "prepared",
    ),
    **dict.fromkeys(
        (
            *("evaluation", "encoders", "experiments", "experiment_report"),
            *("hold", "id_map", "monitoring"),
            *("published_model", "ranker", "retraining"),
            RECOMMENDATIONS,
        ),
        "models",
    ),
}


def layer_of(dataset: str) -> str:
    """Return the layer in which a data set lives, from its name."""
    for prefix, layer in _LAYER_BY_PREFIX.items():
        if dataset.startswith(prefix):
            return layer
    if dataset.startswith("model_"):
        return "models"
    return _LAYER_BY_NAME.get(dataset, "features")


FIRST_VERSION = "v1"


def dataset_of_view(view: str, version: str) -> str:
    """Return the data set of one version of a feature view; the first bears the plain name."""
    return view if version == FIRST_VERSION else f"{view}_{version}"


def written(at_us: int) -> str:
    """Return a moment as people write it: ISO, UTC, to the second."""
    moment = datetime.fromtimestamp(at_us / SECOND_US, timezone.utc)
    return moment.isoformat(timespec="seconds")
