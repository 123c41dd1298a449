"""Feature views declared in feature_store.yaml, made from the same parts as ours."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from recomart.features.definition import (
    Feature,
    FeatureView,
    count_of,
    days_between,
    mean_of,
    sum_of,
    within,
)

if TYPE_CHECKING:
    import ibis
    from ibis.expr.types import BooleanColumn, Table

    from recomart.features.definition import Inputs
    from recomart.settings import Aggregate, DeclaredView

_WHOLE = ("count", "distinct")


def declared_view(name: str, says: DeclaredView) -> FeatureView:
    """Return the view that a declaration asks for."""
    keys = says.keys
    described = tuple(
        Feature(feature, _type(one), one.description or _sentence(one), one.window_days)
        for feature, one in says.features.items()
    )

    def of(inputs: Inputs) -> Table:
        events = inputs.events
        for key in keys:
            events = events.filter(events[key].notnull())
        found = events.group_by(inputs.by(*keys)).aggregate(
            **{name: _aggregate(inputs, events, one) for name, one in says.features.items()}
        )
        moment = inputs.moment(found)
        days = {
            name: days_between(moment, found[name])
            for name, one in says.features.items()
            if one.of.startswith("days_since")
        }
        return found.mutate(**days) if days else found

    return FeatureView(
        name=name,
        keys=dict.fromkeys(keys, "string"),
        says=says.description or f"aggregates by {', '.join(keys)}",
        features=lambda _: described,
        of=of,
        depends_on=keys,
        version=says.version,
        owner=says.owner or "shop",
        fresh_days=says.fresh_days,
        online=says.online,
    )


def _aggregate(inputs: Inputs, events: Table, one: Aggregate) -> ibis.Value:
    where = _where(inputs, events, one)
    if one.of == "count":
        return events.count() if where is None else count_of(events, where)
    if one.of.startswith("days_since"):
        times = events.occurred_us
        return times.max(where=where) if one.of == "days_since_last" else times.min(where=where)
    column = str(one.column)
    if one.of == "distinct":
        return events[column].nunique(where=where).fill_null(0)
    if one.of in ("sum", "mean"):
        return (sum_of if one.of == "sum" else mean_of)(events, column, where)
    return getattr(events[column], one.of)(where=where)


def _where(inputs: Inputs, events: Table, one: Aggregate) -> BooleanColumn | None:
    conditions = []
    if one.event_types:
        conditions.append(events.event_type.isin(list(one.event_types)))
    if one.window_days:
        conditions.append(within(events, inputs.moment(events), one.window_days))
    return reduce(and_, conditions) if conditions else None


def _type(one: Aggregate) -> str:
    return "int64" if one.of in _WHOLE else "float64"


def _sentence(one: Aggregate) -> str:
    """Say what an aggregate is, where its author did not."""
    what = one.of.replace("_", " ") + (f" of {one.column}" if one.column else "")
    kinds = f" of {', '.join(one.event_types)}" if one.event_types else " of events"
    return (
        what
        + (kinds if not one.column else "")
        + (f" in the last {one.window_days} days" if one.window_days else "")
    )
