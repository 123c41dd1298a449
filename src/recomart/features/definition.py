"""What a feature is: a name, a sentence, a type and one expression, as of a moment.

Expressions keep to what DuckDB, PostgreSQL and Spark all have: integer windows on microseconds,
conditional counts, no medians. Only what occurred and was known before the moment is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis

from recomart.vocabulary import CANCEL, DAY_US, PURCHASE, RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibis.expr.types import BooleanColumn, FloatingValue, IntegerScalar, Table

    from recomart.features.encoders import Encoders
    from recomart.settings import FeatureSettings

DECIMALS = 9
"""Fractions are rounded to these, so that the order of a sum does not show."""


@dataclass(frozen=True)
class Feature:
    """One value about an entity."""

    name: str
    dtype: str
    says: str


@dataclass(frozen=True)
class Inputs:
    """What features are computed from, as of `at_us`.

    events      rows that occurred and had arrived before `at_us`
    catalogue   item attributes
    categories  the category tree
    history     item attributes over time
    """

    events: Table
    catalogue: Table
    categories: Table
    history: Table
    at_us: int
    settings: FeatureSettings
    encoders: Encoders


@dataclass(frozen=True)
class FeatureView:
    """A named, versioned group of features with its key.

    `of` computes the view as of `Inputs.at_us`: the keys, then the features, one row an entity.
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
        columns = self.columns(inputs.settings)
        typed = {name: _as(found, name, dtype) for name, dtype in columns.items()}
        return found.select(**typed).order_by(list(self.keys))


def _as(table: Table, name: str, dtype: str) -> ibis.Value:
    value = table[name].cast(dtype)
    return value.round(DECIMALS).cast("float64") if dtype == "float64" else value


def known_before(events: Table, at_us: int) -> Table:
    """Return the events that had occurred and arrived before a moment: the same instant has not."""
    return events.filter((events.occurred_us < at_us) & (events.arrived_us < at_us))


def is_interaction(events: Table) -> BooleanColumn:
    """Tell what counts as an interaction: everything but taking a purchase back, and rating."""
    return events.event_type.notin([CANCEL, RATE])


def is_kind(events: Table, kind: str) -> BooleanColumn:
    """Tell which events are of one type."""
    return events.event_type == kind


def within(events: Table, at_us: int, days: int) -> BooleanColumn:
    """Tell which events lie in the trailing window of so many days before the moment."""
    return events.occurred_us >= at_us - days * DAY_US


def count_of(events: Table, where: BooleanColumn) -> IntegerScalar:
    """Count events that satisfy a condition."""
    return events.count(where=where)


def net_purchases(events: Table) -> IntegerScalar:
    """Count purchases less those taken back."""
    bought = events.count(where=is_kind(events, PURCHASE))
    return bought - events.count(where=is_kind(events, CANCEL))


def days_between(later: int, earlier: IntegerScalar) -> FloatingValue:
    """Return the days from a moment in the data to the moment asked for."""
    return (ibis.literal(later, type="int64") - earlier).cast("float64") / float(DAY_US)


def ratio(part: IntegerScalar, whole: IntegerScalar) -> FloatingValue:
    """Return part / whole, null where the whole is not positive."""
    return ibis.ifelse(
        whole > 0, part.cast("float64") / whole.cast("float64"), ibis.null("float64")
    )
