"""What was known of an item at each moment: from snapshots, properties, and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.engines import intervals, is_finite
from recomart.preparation.events import day_of, newest, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibis.expr.types import FloatingValue, IntegerValue, StringValue, Table

ATTRIBUTES = {
    "title": "string",
    "category_id": "string",
    "brand": "string",
    "price": "float64",
    "available": "boolean",
}
"""Attributes of an item that may change, and their types."""
CHANGES = {
    "item_id": "string",
    "valid_from_us": "int64",
    "known_from_us": "int64",
    **ATTRIBUTES,
}
HISTORY = {
    "item_id": "string",
    "valid_from_us": "int64",
    "valid_to_us": "int64",
    "known_from_us": "int64",
    **ATTRIBUTES,
}
"""Columns of `item_history`; intervals are half open and do not overlap.

`known_from_us` is when the last of what an interval tells had happened and arrived.
"""
NUMBER = r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *$"
"""What is read as a number; engines differ in what else they take for one: 12d, 1_000, inf."""
ALWAYS_US = 0
"""Start of an interval that is taken to have held ever before: 1970."""


def changes_of_catalogue(catalogue: Table) -> Table:
    """Turn snapshots into changes; of snapshots at one moment the later arrival counts."""
    last = ibis.row_number().over(
        group_by=["item_id", "occurred_us"],
        order_by=[ibis.desc("arrived_us"), "source", *ATTRIBUTES],
    )
    latest = catalogue.mutate(__last=last, known_from_us=_known_from(catalogue))
    latest = latest.filter(latest["__last"] == 0)
    return union([latest.rename(valid_from_us="occurred_us")], CHANGES)


def changes_of_properties(properties: Table, attribute_of: Mapping[str, str]) -> Table:
    """Turn named properties into changes of attributes, one row per item and moment.

    Only properties in `attribute_of` count, and only where a value differs from the one
    before it: of twenty million rows few do.
    """
    named = properties.filter(properties.property.isin(list(attribute_of)))
    attribute = named.property.cases(*attribute_of.items(), else_=ibis.null("string"))
    at = named.group_by("item_id", "occurred_us", attribute=attribute).aggregate(
        value=named.value.max(),  # two values at one moment: any rule will do, but one must
        known_from_us=_known_from(named).max(),
    )
    by_time = ibis.window(group_by=["item_id", "attribute"], order_by="occurred_us")
    marked = at.mutate(__before=at.value.lag().over(by_time))
    new = marked.filter(marked["__before"].isnull() | (marked["__before"] != marked.value))
    pivoted = new.group_by("item_id", valid_from_us=new.occurred_us).aggregate(
        known_from_us=new.known_from_us.max(),
        **{name: new.value.max(where=new.attribute == name) for name in ATTRIBUTES},
    )
    price = number_of(pivoted.price.re_replace("^n", ""))
    available = pivoted.available.lower().isin(["1", "true", "yes"])
    return union([pivoted.mutate(price=price, available=available)], CHANGES)


def number_of(text: StringValue) -> FloatingValue:
    """Read text that is a `NUMBER`; null where it is none, or too large."""
    number = text.try_cast("float64")
    is_one = text.re_search(NUMBER) & is_finite(number)
    return ibis.ifelse(is_one, number, ibis.null("float64"))


def changes_of_events(events: Table) -> Table:
    """Take the last title and price that a day's own events gave an item, from then on."""
    told = events.filter(events.title.notnull() | events.price.notnull())
    order = [told.occurred_us, told.event_id]
    daily = told.group_by("item_id", day=day_of(told.occurred_us)).aggregate(
        valid_from_us=told.occurred_us.max(),
        known_from_us=_known_from(told).max(),
        title=newest(told.title, *order),
        price=newest(told.price, *order),
    )
    unknown = {
        name: ibis.null(kind) for name, kind in ATTRIBUTES.items() if name not in daily.columns
    }
    return union([daily.mutate(**unknown)], CHANGES)


def history_of(changes: Iterable[Table]) -> Table:
    """Join changes to intervals: what is not told again goes on, what repeats is one.

    Returns HISTORY, without order.
    """
    rows = union(list(changes), CHANGES)
    at = rows.group_by("item_id", "valid_from_us").aggregate(
        known_from_us=rows.known_from_us.max(),
        **{name: rows[name].max() for name in ATTRIBUTES},
    )
    carried = _carried_forward(at)
    by_time = ibis.window(group_by="item_id", order_by="valid_from_us")
    place = ibis.row_number().over(by_time)
    marked = carried.mutate(
        __place=place,
        **{f"__{name}": carried[name].lag().over(by_time) for name in ATTRIBUTES},
    )
    same = [marked[name].identical_to(marked[f"__{name}"]) for name in ATTRIBUTES]
    new = marked.filter((marked["__place"] == 0) | ~ibis.and_(*same))
    return intervals(new.select(*CHANGES), "item_id").select(*HISTORY)


def held_before(history: Table, *, was_known: bool) -> Table:
    """Let the first interval of each item begin at `ALWAYS_US`; if so, as if it was known then."""
    by_time = ibis.window(group_by="item_id", order_by="valid_from_us")
    first = ibis.row_number().over(by_time) == 0
    moments = ("valid_from_us", "known_from_us") if was_known else ("valid_from_us",)
    earlier = {
        name: ibis.ifelse(first, ibis.least(history[name], ALWAYS_US), history[name])
        for name in moments
    }
    return history.mutate(**earlier)


def _carried_forward(changes: Table) -> Table:
    """Fill each null with the value before it, per item.

    A value and the nulls after it share a count of values so far; engines differ in
    IGNORE NULLS, and all of them can count.
    """
    past = ibis.cumulative_window(group_by="item_id", order_by="valid_from_us")
    counted = changes.mutate(
        **{f"__{name}": changes[name].count().over(past) for name in ATTRIBUTES}
    )
    return counted.select(
        "item_id",
        "valid_from_us",
        # what is carried on may have arrived later than what is new
        known_from_us=counted.known_from_us.max().over(past),
        **{
            name: counted[name].max().over(group_by=["item_id", f"__{name}"]) for name in ATTRIBUTES
        },
    )


def _known_from(rows: Table) -> IntegerValue:
    return ibis.greatest(rows.occurred_us, rows.arrived_us)
