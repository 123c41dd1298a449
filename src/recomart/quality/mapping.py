"""From raw text to our columns: what each is made of, and where the text does not fit its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.settings import Column
from recomart.vocabulary import COLUMNS_OF, MINUTE_US

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ibis.expr.types import BooleanValue, IntegerValue, StringValue, Table, Value

    from recomart.settings import Source

TIME, ARRIVAL = "occurred_at", "arrived_at"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "item_id": ("product_id", "itemid", "id"),
    "user_id": ("visitorid", "customer_id"),
    "event_type": ("event",),
    TIME: ("timestamp",),
    "category_id": ("categoryid", "category"),
    "parent_id": ("parentid",),
    "transaction_id": ("transactionid",),
    "rating": ("rating.rate",),
    "rating_count": ("rating.count",),
    "shop_session_id": ("session_id",),
}
"""Names that are understood without a line in the settings, after the name itself."""

ESSENTIAL = {
    "events": ("user_id", "item_id", "event_type", TIME),
    "catalogue": ("item_id",),
    "item_properties": ("item_id", "property", "value", TIME),
    "categories": ("category_id", "parent_id"),
}
MADE_HERE = {"arrived_us", "occurred_us", "source", "event_id"}
KEPT = {"_file", "_ingested_us", "_line", "_raw", "_key"}
"""Where a row comes from: its file's number, its line, its text, what makes two rows the same."""

UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last moment of the years 1 to 9999: what a calendar can show."""
TRUE, FALSE = ("1", "true", "t", "yes"), ("0", "false", "f", "no")


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, form: str) -> ibis.dtype("timestamp"):  # type: ignore[valid-type]
    """Read a time, or null; DuckDB's own."""


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(moment: ibis.dtype("timestamp")) -> int:  # type: ignore[valid-type, empty-body]
    """Microseconds since 1970; DuckDB's own."""


def plan(source: Source, header: Collection[str]) -> dict[str, Column]:
    """Return how each of our columns is made from a file with this header.

    A column that is neither in the settings nor in the header is left out.
    """
    wanted = [*(c for c in COLUMNS_OF[source.holds] if c not in MADE_HERE), *_more(source)]
    made = {}
    for name in wanted:
        told = source.columns.get(name)
        found = next((n for n in (name, *ALIASES.get(name, ())) if n in header), None)
        if told is None and found is not None:
            made[name] = Column(source=found)
        elif told is not None and told.source is not None and told.source not in header:
            made[name] = told.model_copy(update={"source": None})
        elif told is not None:
            made[name] = told
    return made


def _more(source: Source) -> dict[str, str]:
    """Return what else is read, and its type, so that columns of ours can be made of it."""
    recorded = {ARRIVAL: "time"} if source.arrival == "recorded" else {}
    return {TIME: "time", "event_id": "string", **recorded}


def missing(source: Source, header: Collection[str]) -> list[str]:
    """Return the raw columns that a file should have and has not."""
    named = [
        column.source
        for column in source.columns.values()
        if column.source and not column.optional and column.source not in header
    ]
    made = plan(source, header)
    return named + [name for name in ESSENTIAL[source.holds] if name not in made]


def text_of(raw: Table, column: Column) -> StringValue:
    """Return a column's text: stripped, replaced, defaulted; empty is null."""
    if column.source is None:
        return ibis.literal(column.default, type="string")
    text = _stripped(raw[column.source]).nullif("")
    if column.strip_suffix:
        ends = text.endswith(column.strip_suffix)
        text = ibis.ifelse(ends, text.left(text.length() - len(column.strip_suffix)), text)
    if column.strip_prefix:
        begins = text.startswith(column.strip_prefix)
        text = ibis.ifelse(begins, text.substr(len(column.strip_prefix)), text)
    if column.replace:
        cases = [(text.re_search(one.match), ibis.literal(one.value)) for one in column.replace]
        return ibis.cases(*cases, else_=ibis.literal(column.default, type="string"))
    return text if column.default is None else text.fill_null(column.default)


def _stripped(text: StringValue) -> StringValue:
    """Take off white space at the ends; only where there is some, for it is slow."""
    ends = (text[0] <= " ") | (text[-1] <= " ")
    return ibis.ifelse(ends, text.strip(), text)


def typed(text: StringValue, column: Column, dtype: str) -> Value:
    """Return text as its type, null where it does not fit: NaN and infinity are no numbers."""
    if dtype == "time":
        return moment(text, column)
    if dtype == "float64":
        number = text.try_cast("float64")
        return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)
    if dtype == "int64":
        return text.try_cast("int64")
    if dtype == "boolean":
        word = text.lower()
        return ibis.cases((word.isin(TRUE), True), (word.isin(FALSE), False), else_=None)
    return text


def moment(text: StringValue, column: Column) -> IntegerValue:
    """Return a time as microseconds UTC: a number in a unit, a format, or ISO 8601.

    Null where it cannot be read, or lies outside the years 1 to 9999.
    """
    if column.unit is not None:
        unit_us = UNIT_US[column.unit]
        number = text.try_cast("int64")
        sane = number.between(FIRST_US // unit_us, LAST_US // unit_us)
        return ibis.ifelse(sane, number * unit_us, ibis.null("int64"))
    if column.format is not None:
        at = _epoch_us(_try_strptime(text, column.format))
    else:
        at = _iso_us(text)
    return ibis.ifelse(at.between(FIRST_US, LAST_US), at, ibis.null("int64"))


def _iso_us(text: StringValue) -> IntegerValue:
    """Read ISO 8601. DuckDB reads an offset such as +02:00 and forgets it: it is taken off here."""
    offset = text.re_extract(r"^.{11,}([+-][0-9]{2}(:?[0-9]{2})?)$", 1)
    has_offset = offset != ""
    hours = offset.substr(1, 2).try_cast("int64")
    minutes = ibis.ifelse(offset.length() > 3, offset.right(2).try_cast("int64"), 0)
    east = ibis.ifelse(offset.left(1) == "+", 1, -1)
    local = ibis.ifelse(has_offset, text.left(text.length() - offset.length()), text)
    at = _epoch_us(local.try_cast("timestamp"))
    return ibis.ifelse(has_offset, at - east * (hours * 60 + minutes) * MINUTE_US, at)


def mapped(raw: Table, source: Source, header: Collection[str]) -> Table:
    """Give each raw row our columns; ``bad_<column>`` tells where its text did not fit.

    `raw` has the columns of `header` as text, and those of `KEPT`, which stay as they are.
    """
    made = plan(source, header)
    columns: dict[str, Value] = {name: raw[name] for name in raw.columns if name in KEPT}
    bad: dict[str, BooleanValue] = {}
    for name, dtype in {**COLUMNS_OF[source.holds], **_more(source)}.items():
        if name in {"arrived_us", "occurred_us", "source"}:
            continue
        kind = "int64" if dtype == "time" else dtype
        if name not in made:
            columns[name] = ibis.null(kind)
            continue
        text = text_of(raw, made[name])
        columns[name] = typed(text, made[name], dtype).cast(kind)
        if dtype != "string":
            bad[f"bad_{name}"] = text.notnull() & columns[name].isnull()
    columns["occurred_us"] = columns.pop(TIME)
    if source.holds in {"catalogue", "item_properties"} and TIME not in made:
        columns["occurred_us"] = columns["_ingested_us"]
    if source.arrival == "recorded":
        arrived_us = ibis.coalesce(columns.pop(ARRIVAL), columns["_ingested_us"])
        return raw.select(**columns, **bad, arrived_us=arrived_us)
    known = raw.select(**columns, **bad)
    arrived: Value = known["_ingested_us"]
    if source.arrival == "occurred":  # the tree has no time: it is as if always known
        arrived = ibis.literal(0, "int64") if source.holds == "categories" else known.occurred_us
    return known.mutate(arrived_us=arrived)


def typed_columns(table: Table) -> list[str]:
    """Return our columns whose text may fail to fit, from a table made by `mapped`."""
    return [name.removeprefix("bad_") for name in table.columns if name.startswith("bad_")]


__all__ = ["mapped", "missing", "plan", "typed_columns"]
