"""What a feature is: a name, a sentence, a type and one expression, as of a moment.

The same expressions give a view as of one moment for every entity (`FeatureView.table`), and as
of many moments (`as_of`). What is seen is decided in one place, `known_before`. Expressions keep
to what DuckDB, PostgreSQL and Spark all have and do alike: integer windows on microseconds,
conditional counts, no medians, no rounding but down. Amounts are summed as integers, so that the
order of rows does not show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ibis

from recomart.vocabulary import CANCEL, DAY_US, FIRST_VERSION, PURCHASE, RATE, dataset_of_view

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

    from recomart.settings import FeatureSettings

UNITS = 1_000_000
"""Amounts (strength, price, rating) are summed as integers of a millionth."""
MOST = 1e9
"""Amounts beyond this, up or down, are cut, so that sums of them stay within 64 bits."""
MOST_RATING = 1e3
"""As `MOST`, of ratings, where squares are summed."""
SEEN = {
    "user_id": "string",
    "item_id": "string",
    "event_type": "string",
    "category_id": "string",
    "occurred_us": "int64",
    "arrived_us": "int64",
    "strength": "float64",
    "price": "float64",
    "rating": "float64",
    "day": "int32",
    "hour": "int8",
    "day_of_week": "int8",
    "session_id": "string",
    "session_position": "int32",
}
"""Columns of an event that features are made from."""
HISTORY = {
    "item_id": "string",
    "valid_from_us": "int64",
    "known_from_us": "int64",
    "category_id": "string",
    "price": "float64",
}
"""Columns of `item_history` that features are made from."""
CATEGORIES = {
    "category_id": "string",
    "parent_id": "string",
    "path": "string",
    "depth": "int32",
}
"""Columns of `categories` that features are made from."""


@dataclass(frozen=True)
class Feature:
    """One value about an entity; `window_days` where it looks back only so far."""

    name: str
    dtype: str
    says: str
    window_days: int | None = None


@dataclass(frozen=True)
class Inputs:
    """What features are computed from, as of `at_us`.

    events      rows that were `known_before` the moment, or each moment; of some keys only,
                where a view says that its rows depend on no others
    everybody   the same of all keys; None: `events` are of all
    categories  the category tree
    history     item attributes over time, in half-open intervals
    at_us       the moment, µs; or a table of moments, column `at_us`: then every table that is
                made from these inputs has `at_us` among its keys
    """

    events: Table
    categories: Table
    history: Table
    at_us: int | Table
    settings: FeatureSettings
    everybody: Table | None = None

    @property
    def all_events(self) -> Table:
        """The events known of all keys."""
        return self.events if self.everybody is None else self.everybody

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

    of          computes the keys and the features, one row an entity (and moment, if many)
    source      prepared data sets that it is computed from
    depends_on  keys whose own events decide a row; empty where events of others do, as in a
                rank or a share of all
    looks_around  it asks `Inputs.all_events` for something besides
    fresh_days  age, in days, from which values are too old to be used; None: they never are
    online      materialised by `recomart run` for look-ups by key
    """

    name: str
    keys: Mapping[str, str]
    says: str
    features: Callable[[FeatureSettings], tuple[Feature, ...]]
    of: Callable[[Inputs], Table]
    source: tuple[str, ...] = ("events",)
    depends_on: tuple[str, ...] = ()
    looks_around: bool = False
    version: str = FIRST_VERSION
    owner: str = "recomart"
    fresh_days: float | None = 30.0
    online: bool = True

    @property
    def dataset(self) -> str:
        """The data set that holds its values; that of a first version bears the plain name."""
        return dataset_of_view(self.name, self.version)

    @property
    def entity(self) -> str:
        """What it is about, such as ``user`` or ``user, item``."""
        return ", ".join(key.removesuffix("_id") for key in self.keys)

    def columns(self, settings: FeatureSettings) -> dict[str, str]:
        """Return keys and features with their types, in the order of the table."""
        return {**self.keys, **{f.name: f.dtype for f in self.features(settings)}}

    def table(self, inputs: Inputs) -> Table:
        """Compute the view: columns in order and of their types, rows ordered by key."""
        found = self.of(inputs)
        columns = {**dict.fromkeys(inputs.by(), "int64"), **self.columns(inputs.settings)}
        typed = {name: found[name].cast(dtype) for name, dtype in columns.items()}
        return found.select(**typed).order_by(inputs.by(*self.keys))


def feature_view(
    name: str,
    *,
    keys: Mapping[str, str],
    says: str,
    features: Callable[[FeatureSettings], tuple[Feature, ...]],
    **more: Any,
) -> Callable[[Callable[[Inputs], Table]], FeatureView]:
    """Declare the decorated expression a feature view; `more` are fields of `FeatureView`."""

    def declare(of: Callable[[Inputs], Table]) -> FeatureView:
        return FeatureView(name, keys, says, features, of, **more)

    return declare


def at_each(table: Table, moments: int | Table) -> Table:
    """Repeat a table for each of many moments; with one, it stays as it is."""
    return table if isinstance(moments, int) else table.cross_join(moments)


def known_before(events: Table, at_us: int | Table, keys: Sequence[str] = ()) -> Table:
    """Return the events that had occurred and arrived before a moment: the same instant has not.

    Where `at_us` is a table of moments: for each moment, with its `at_us`. With `keys`, columns
    of that table too, only events with the keys of the moment are seen at it.
    """
    if isinstance(at_us, int):
        seen, moment = events, at_us
    elif keys:
        seen = events.inner_join(at_us, list(keys))
        moment = seen.at_us
    else:
        seen = at_each(events, at_us)
        moment = seen.at_us
    return seen.filter((seen.occurred_us < moment) & (seen.arrived_us < moment))


def history_before(inputs: Inputs) -> Table:
    """Return the item attributes that had begun to hold, and were known, before each moment."""
    told = inputs.at_each(inputs.history)
    at_us = inputs.moment(told)
    return told.filter((told.valid_from_us < at_us) & (told.known_from_us < at_us))


def as_of(moments: Table, view: FeatureView, inputs: Inputs) -> Table:
    """Point-in-time join: the features of each entity at its own moment.

    moments  one row a question: the keys of the view and `at_us` (µs), and what else is wanted
    inputs   all events, known or not; its own moment does not matter

    Returns `moments` and the features, null where nothing was known; rows neither lost nor added.
    """
    times = moments.select("at_us").distinct()
    everybody = known = known_before(inputs.events, times)
    if view.depends_on:
        asked = moments.select(*view.depends_on, "at_us").distinct()
        known = known_before(inputs.events, asked, view.depends_on)
    found = view.table(replace(inputs, events=known, everybody=everybody, at_us=times))
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
    return events.count(where=where).fill_null(0)  # Spark's sum over nothing is null


def net_purchases(events: Table) -> IntegerScalar:
    """Count purchases less those taken back."""
    return count_of(events, is_kind(events, PURCHASE)) - count_of(events, is_kind(events, CANCEL))


def score_of(events: Table) -> FloatingValue:
    """Sum the strengths; exact."""
    return sum_of(events, "strength")


def sum_of(events: Table, name: str, where: BooleanColumn | None = None) -> FloatingValue:
    """Sum an amount, null where there is none; exact."""
    return _in_units(events[name]).sum(where=where).cast("float64") / float(UNITS)


def mean_of(events: Table, name: str, where: BooleanColumn | None = None) -> FloatingValue:
    """Return the mean of an amount, null where there is none; the same in any order of rows."""
    units = _in_units(events[name])
    return ratio(units.sum(where=where), units.count(where=where)) / float(UNITS)


def rating_variance(events: Table) -> FloatingValue:
    """Return the population variance of the ratings, null where there is none."""
    thousandths = _whole(events.rating.clip(-MOST_RATING, MOST_RATING) * 1e3)
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


def _in_units(amount: FloatingColumn) -> IntegerValue:
    return _whole(amount.clip(-MOST, MOST) * float(UNITS))


def _whole(amount: FloatingValue) -> IntegerValue:
    # not `round`: PostgreSQL rounds half to even, the others away from zero
    return (amount + 0.5).floor().cast("int64")
