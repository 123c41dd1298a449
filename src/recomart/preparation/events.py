"""Events made ready: doubles removed, enriched as of then, in sessions, on the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.engines import double, join_as_of
from recomart.vocabulary import DAY_US, EVENT_COLUMNS, HOUR_US, MINUTE_US, PREPARED_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibis.expr.types import IntegerValue, Table, Value

    from recomart.settings import PreparationSettings

TAIL = {
    "user_id": "string",
    "session_id": "string",
    "occurred_us": "int64",
    "session_position": "int32",
}
"""Columns of a session tail: the last event of each user who may come back in time."""
_THURSDAY = 3  # 1970-01-01, where Monday is 0


def prepared(
    events: Table,
    attributes: Table | None,
    tail: Table,
    settings: PreparationSettings,
    *,
    may_double: bool = True,
) -> Table:
    """Turn valid events of some days into prepared ones, in order.

    events      EVENT_COLUMNS of whole days; the days in between have no events
    attributes  item_history of the catalogue, or None where no source tells any
    tail        columns `TAIL`: the sessions still open when the first of the days began
    may_double  the same event may have come from two sources; within one it cannot have

    Returns PREPARED_COLUMNS, by (occurred_us, event_id); days do not influence each
    other but through sessions.
    """
    placed = on_calendar(events)
    single = without_doubles(placed) if may_double else placed
    known = single if attributes is None else with_attributes(single, attributes)
    seated = in_sessions(known, tail, gap_us(settings))
    strength = seated.event_type.cases(
        *((kind, double(value)) for kind, value in settings.strengths.items()), else_=double(0)
    )
    ready = seated.mutate(strength=strength).cast(PREPARED_COLUMNS).select(*PREPARED_COLUMNS)
    return ready.order_by("occurred_us", "event_id")


def gap_us(settings: PreparationSettings) -> int:
    """Return the silence that ends a session, in µs."""
    return round(settings.session_gap_minutes * MINUTE_US)


def day_of(at_us: IntegerValue) -> IntegerValue:
    """Return the UTC day of a moment: days since 1970-01-01. Exact: the division leaves no rest."""
    return (at_us - at_us % DAY_US) // DAY_US


def on_calendar(events: Table) -> Table:
    """Add day, hour and day of week (Monday 0), UTC."""
    day = day_of(events.occurred_us)
    within = events.occurred_us % DAY_US
    return events.mutate(
        day=day,
        hour=(within - within % HOUR_US) // HOUR_US,
        day_of_week=(day + _THURSDAY) % 7,
    )


def without_doubles(events: Table) -> Table:
    """Keep one row of each event_id and day: what arrived first, then by source."""
    order = ["arrived_us", "source", *(name for name in EVENT_COLUMNS if name != "event_id")]
    place = ibis.row_number().over(group_by=["day", "event_id"], order_by=order)
    return events.mutate(__place=place).filter(lambda t: t["__place"] == 0).drop("__place")


def with_attributes(events: Table, attributes: Table) -> Table:
    """Fill price and category with what the catalogue said when the event happened."""
    told = {"__price": "price", "__category": "category_id"}
    joined = join_as_of(events, attributes, "item_id", "occurred_us", told)
    return joined.mutate(
        price=joined.price.fill_null(joined["__price"]),
        category_id=joined.category_id.fill_null(joined["__category"]),
    ).drop(*told)


def in_sessions(events: Table, tail: Table, gap: int) -> Table:
    """Add session_id and session_position (from 1).

    A session ends after more than `gap` µs of silence of its user. Its id is a hash of
    user and first moment, so that it does not depend on where a computation began.
    """
    open_ones = tail.select(
        __user=tail.user_id,
        __open_id=tail.session_id,
        __open_us=tail.occurred_us,
        __open_position=tail.session_position,
    )
    joined = events.left_join(open_ones, events.user_id == open_ones["__user"])
    # one window for all: sorted once, and nothing but the user's own past is seen
    user = ibis.window(group_by="user_id", order_by=["occurred_us", "event_id"])
    before = joined.occurred_us.lag().over(user).fill_null(joined["__open_us"])
    begins = before.isnull() | (joined.occurred_us - before > gap)
    placed = joined.mutate(__begins=begins, __row=ibis.row_number().over(user))
    past = ibis.cumulative_window(group_by="user_id", order_by=["occurred_us", "event_id"])
    first_us = ibis.ifelse(placed["__begins"], placed.occurred_us, ibis.null("int64"))
    first_row = ibis.ifelse(placed["__begins"], placed["__row"], ibis.null("int64"))
    seated = placed.mutate(
        __first_us=first_us.max().over(past), __first_row=first_row.max().over(past)
    )
    own_id = (seated.user_id + ":" + seated["__first_us"].cast("string")).hexdigest("md5")
    return seated.mutate(
        session_id=ibis.coalesce(own_id[:16], seated["__open_id"]),
        session_position=ibis.coalesce(
            seated["__row"] - seated["__first_row"] + 1,
            seated["__open_position"] + seated["__row"] + 1,
        ),
    ).select(*events.columns, "session_id", "session_position")


def tail_of(events: Table, since_us: int) -> Table:
    """Return the last event of each user from `since_us` on, columns `TAIL`."""
    late = events.filter(events.occurred_us >= since_us)
    last = ibis.row_number().over(
        group_by="user_id", order_by=[ibis.desc("occurred_us"), ibis.desc("event_id")]
    )
    return late.mutate(__last=last).filter(lambda t: t["__last"] == 0).select(*TAIL)


def newest(value: Value, *order: Value) -> Value:
    """Return the value of the row that is last in the order, of those that have one.

    As the greatest of (order…, value), which every engine can find without sorting.
    """
    places = {f"place_{n}": key for n, key in enumerate(order)}
    found = ibis.struct({**places, "value": value}).max(where=value.notnull())
    return found["value"]


def union(tables: list[Table], columns: Mapping[str, str]) -> Table:
    """Put tables below each other, with these columns and types."""
    aligned = [table.cast(dict(columns)).select(*columns) for table in tables]
    return aligned[0] if len(aligned) == 1 else ibis.union(*aligned)
