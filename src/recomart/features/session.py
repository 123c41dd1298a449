"""Features of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import (
    Feature,
    attach,
    feature_view,
    is_interaction,
    is_kind,
)
from recomart.vocabulary import ADD_TO_CART, PURCHASE, SECOND_US

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("user_id", "string", "whose session it is"),
        Feature("started_us", "int64", "its first event, µs UTC"),
        Feature("length", "int64", "events"),
        Feature("n_items", "int64", "different items"),
        Feature("duration_s", "float64", "seconds from the first to the last event"),
        Feature("mean_dwell_s", "float64", "duration / (length - 1); null for one event"),
        Feature("last_item", "string", "item of the last event"),
        Feature("last_item_2", "string", "item of the event before it"),
        Feature("last_item_3", "string", "item of the event before that"),
        Feature("has_cart", "boolean", "something was put into the cart"),
        Feature("has_purchase", "boolean", "something was bought"),
    )


@feature_view(
    "session_features",
    keys={"session_id": "string"},
    says="what happened in a session",
    features=features,
    depends_on=("session_id",),
    online=False,  # what serving needs of a running session is in its events
)
def session_features(inputs: Inputs) -> Table:
    """Compute the view in one pass over the events, and one over sessions of several."""
    e = inputs.events.filter(is_interaction(inputs.events))
    sessions = e.group_by(inputs.by("session_id")).aggregate(
        user_id=e.user_id.min(),
        started_us=e.occurred_us.min(),
        ended_us=e.occurred_us.max(),
        length=e.count(),
        last_item=e.item_id.argmax(e.session_position),
        n_carts=e.count(where=is_kind(e, ADD_TO_CART)),
        n_bought=e.count(where=is_kind(e, PURCHASE)),
    )
    duration = (sessions.ended_us - sessions.started_us).cast("float64") / float(SECOND_US)
    gaps = sessions.length - 1
    sessions = attach(sessions, _of_several(inputs, sessions), inputs.by("session_id"))
    return sessions.mutate(
        n_items=sessions.n_items.fill_null(1),
        duration_s=duration,
        mean_dwell_s=ibis.ifelse(gaps > 0, duration / gaps, ibis.null("float64")),
        has_cart=sessions.n_carts > 0,
        has_purchase=sessions.n_bought > 0,
    )


def _of_several(inputs: Inputs, sessions: Table) -> Table:
    """Return what only sessions of two events and more have; most have but one."""
    keys = inputs.by("session_id")
    e = inputs.events.filter(is_interaction(inputs.events))
    e = e.semi_join(sessions.filter(sessions.length > 1), keys)
    from_end = ibis.window(group_by=keys, order_by=e.session_position.desc())
    e = e.mutate(back=ibis.row_number().over(from_end))
    return e.group_by(keys).aggregate(
        n_items=e.item_id.nunique(),
        last_item_2=e.item_id.max(where=e.back == 1),
        last_item_3=e.item_id.max(where=e.back == 2),
    )
