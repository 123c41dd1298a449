"""What a feature is: a name, a sentence, a type and one expression, as of a moment.

The same expressions give a view as of one moment for every entity (`FeatureView.table`), and as
of many moments (`as_of`). What is seen is decided in one place, `known_before`. Expressions keep
to what DuckDB, PostgreSQL and Spark all have: integer windows on microseconds, conditional
counts, no medians. Amounts are summed as integers, so that the order of rows does not show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import ibis

from recomart.vocabulary import CANCEL, DAY_US, PURCHASE, RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibis.expr.types import (
        BooleanColumn,
        FloatingColumn,
        FloatingValue,
        IntegerScalar,
        IntegerValue,
        Table,
    )

    from recomart.features.encoders import Encoders
    from recomart.settings import FeatureSettings

DECIMALS = 9
"""Fractions are rounded to these, so that the last bit of an engine does not show in another."""
UNITS = 1_000_000
"""Amounts (strength, price, rating) are summed as integers of a millionth."""
MOST = 1e9
"""Amounts beyond this, up or down, are cut, so that sums of them stay within 64 bits."""
MOST_RATING = 1e3
"""As `MOST`, of ratings, where squares are summed."""
SEEN = (
    "user_id",
    "item_id",
    "event_type",
    "category_id",
    "occurred_us",
    "arrived_us",
    "strength",
    "price",
    "rating",
    "day",
    "hour",
    "day_of_week",
    "session_id",
    "session_position",
)
"""Columns of an event that features are made from."""


@dataclass(frozen=True)
class Feature:
    """One value about an entity."""

    name: str
    dtype: str
    says: str


@dataclass(frozen=True)
class Inputs:
    """What features are computed from, as of `at_us`.

    events      rows that were `known_before` the moment, or each moment
    catalogue   item attributes as they are now
    categories  the category tree
    history     item attributes over time, in half-open intervals
    at_us       the moment, µs; or a table of moments, column `at_us`: then every table that is
                made from these inputs has `at_us` among its keys
    """

    events: Table
    catalogue: Table
    categories: Table
    history: Table
    at_us: int | Table
    settings: FeatureSettings
    encoders: Encoders

    def by(self, *names: str) -> list[str]:
        """Return key columns, the moment among them where there are many."""
        return [*names] if isinstance(self.at_us, int) else ["at_us", *names]

    def moment(self, table: Table) -> IntegerValue:
        """Return the moment that a row of a table made from these inputs is for."""
        return (
            ibis.literal(self.at_us, type="int64") if isinstance(self.at_us, int) else table.at_us
        )

    def at_each(self, table: Table) -> Table:
        """Repeat a table for each moment."""
        return at_each(table, self.at_us)


@dataclass(frozen=True)
class FeatureView:
    """A named, versioned group of features with its key.

    `of` computes the keys and the features, one row an entity (and moment, where there are many).
    """

    name: str
    keys: Mapping[str, str]
    says: str
    features: Callable[[FeatureSettings], tuple[Feature, ...]]
    of: Callable[[Inputs], Table]
    source: tuple[str, ...] = ("events",)
    version: str = "v1"
    owner: str = field(default="recomart")

    def columns(self, settings: FeatureSettings) -> dict[str, str]:
        """Return keys and features with their types, in the order of the table."""
        return {**self.keys, **{f.name: f.dtype for f in self.features(settings)}}

    def table(self, inputs: Inputs) -> Table:
        """Compute the view: columns in order and of their types, rows ordered by key."""
        found = self.of(inputs)
        columns = {**dict.fromkeys(inputs.by(), "int64"), **self.columns(inputs.settings)}
        typed = {name: _as(found, name, dtype) for name, dtype in columns.items()}
        return found.select(**typed).order_by(inputs.by(*self.keys))


def at_each(table: Table, moments: int | Table) -> Table:
    """Repeat a table for each of many moments; with one, it stays as it is."""
    return table if isinstance(moments, int) else table.cross_join(moments)


def known_before(events: Table, at_us: int | Table) -> Table:
    """Return the events that had occurred and arrived before a moment: the same instant has not.

    Where `at_us` is a table of moments: for each moment, with its `at_us`.
    """
    seen = at_each(events, at_us)
    moment = at_us if isinstance(at_us, int) else seen.at_us
    return seen.filter((seen.occurred_us < moment) & (seen.arrived_us < moment))


def as_of(moments: Table, view: FeatureView, inputs: Inputs) -> Table:
    """Point-in-time join: the features of each entity at its own moment.

    moments  one row a question: the keys of the view and `at_us` (µs), and what else is wanted
    inputs   all events, known or not; its own moment does not matter

    Returns `moments` and the features, null where nothing was known; rows neither lost nor added.
    """
    times = moments.select("at_us").distinct()
    known = known_before(inputs.events, times)
    found = view.table(replace(inputs, events=known, at_us=times))
    return attach(moments, found, ["at_us", *view.keys])


def attach(table: Table, more: Table, keys: Sequence[str]) -> Table:
    """Add the columns of `more`, null where it has no row; no row is lost."""
    joined = table.left_join(more, list(keys))
    return joined.drop(*(f"{key}_right" for key in keys))


def is_interaction(events: Table) -> BooleanColumn:
    """Tell what counts as an interaction: everything but taking a purchase back, and rating."""
    return events.event_type.notin([CANCEL, RATE])


def is_kind(events: Table, kind: str) -> BooleanColumn:
    """Tell which events are of one type."""
    return events.event_type == kind


def within(events: Table, at_us: IntegerValue, days: int) -> BooleanColumn:
    """Tell which events lie in the trailing window of so many days before the moment."""
    return events.occurred_us >= at_us - days * DAY_US


def count_of(events: Table, where: BooleanColumn) -> IntegerScalar:
    """Count events that satisfy a condition."""
    return events.count(where=where)


def net_purchases(events: Table) -> IntegerScalar:
    """Count purchases less those taken back."""
    bought = events.count(where=is_kind(events, PURCHASE))
    return bought - events.count(where=is_kind(events, CANCEL))


def score_of(events: Table) -> FloatingValue:
    """Sum the strengths; exact."""
    return _in_units(events.strength).sum().cast("float64") / float(UNITS)


def mean_of(events: Table, name: str, where: BooleanColumn | None = None) -> FloatingValue:
    """Return the mean of an amount, null where there is none; the same in any order of rows."""
    units = _in_units(events[name])
    return ratio(units.sum(where=where), units.count(where=where)) / float(UNITS)


def rating_variance(events: Table) -> FloatingValue:
    """Return the population variance of the ratings, null where there is none."""
    thousandths = (events.rating.clip(-MOST_RATING, MOST_RATING) * 1e3).round().cast("int64")
    n = thousandths.count().cast("float64")
    total = thousandths.sum().cast("float64")
    squares = (thousandths * thousandths).sum().cast("float64")
    return ratio(n * squares - total * total, n * n) / 1e6


def days_between(later: IntegerValue, earlier: IntegerScalar) -> FloatingValue:
    """Return the days from a moment in the data to the moment asked for."""
    return (later - earlier).cast("float64") / float(DAY_US)


def ratio(part: IntegerScalar, whole: IntegerScalar) -> FloatingValue:
    """Return part / whole, null where the whole is not positive."""
    return ibis.ifelse(
        whole > 0, part.cast("float64") / whole.cast("float64"), ibis.null("float64")
    )


def _as(table: Table, name: str, dtype: str) -> ibis.Value:
    value = table[name].cast(dtype)
    return value.round(DECIMALS).cast("float64") if dtype == "float64" else value


def _in_units(amount: FloatingColumn) -> IntegerValue:
    return (amount.clip(-MOST, MOST) * float(UNITS)).round().cast("int64")
