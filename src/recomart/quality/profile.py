"""Profiles: what the columns of a table hold, in few scans.

Nulls, extremes and means are of all rows. Quantiles, histograms and top values are of the
rows examined: all of them up to `EXAMINED_ROWS`, above it those whose id has a hash in a fixed
share, so that the same rows give the same profile again. Distinct values are counted exactly
while every row is examined, and estimated above that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import ibis
from pydantic import BaseModel, Field

from recomart.engines import double, is_finite, rows_of

if TYPE_CHECKING:
    from ibis.expr.types import Table, Value

    from recomart.engines import Engine

EXAMINED_ROWS = 1_000_000
"""Rows above which quantiles, histograms and top values are taken from a share of them."""
N_BINS = 24
N_TOP = 8
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Kind: TypeAlias = Literal["number", "time", "text", "yes_no"]


class Part(BaseModel, frozen=True, extra="forbid"):
    """Something written to the quality report."""


class TopValue(Part):
    """A value and how many of the rows examined have it."""

    value: str
    n: int = Field(ge=0)


class Histogram(Part):
    """Equal bins from `low` to `high`; the outer two also hold what lies beyond."""

    low: float
    high: float
    counts: tuple[int, ...]


class ColumnProfile(Part):
    """What one column holds. Numbers and times have a range, the others top values."""

    name: str
    kind: Kind
    rows: int = Field(ge=0)
    nulls: int = Field(ge=0)
    distinct: int = Field(ge=0, description="estimated where not all rows were examined")
    not_finite: int = Field(0, ge=0, description="NaN and infinities, left out of what follows")
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    quantiles: dict[str, float] = Field(default={}, description="name such as p50 to value")
    histogram: Histogram | None = None
    top: tuple[TopValue, ...] = Field((), description="most frequent values of the rows examined")


class TableProfile(Part):
    """What all columns of a table hold."""

    rows: int = Field(ge=0)
    examined: int = Field(ge=0, description="rows behind quantiles, histograms and top values")
    columns: tuple[ColumnProfile, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every row was examined."""
        return self.examined == self.rows


def profile_table(
    engine: Engine, table: Table, n_rows: int, examine: int = EXAMINED_ROWS
) -> TableProfile:
    """Profile every column of a table of `n_rows`, looking at about `examine` more closely."""
    share = max(1, -(-n_rows // examine))
    examined = engine.keep("examined", _chosen(table, share))
    facts = _facts(engine, table if share > 1 else examined, is_whole=share == 1)
    columns = tuple(_column(engine, examined, name, facts[name]) for name in table.columns)
    [counted] = rows_of(engine, examined.aggregate(n=examined.count()))
    engine.drop("examined")
    return TableProfile(rows=n_rows, examined=counted["n"], columns=columns)


def _chosen(table: Table, share: int) -> Table:
    """Return about one row in `share`, chosen by the hash of the id in the first column."""
    if share == 1:
        return table
    digest = table[table.columns[0]].hexdigest("md5")  # which every engine has alike
    return table.filter(digest < f"{2**128 // share:032x}")


def _kind(name: str, column: Value) -> Kind:
    if column.type().is_boolean():
        return "yes_no"
    if not column.type().is_numeric():
        return "text"
    return "time" if name.endswith("_us") else "number"


def _facts(engine: Engine, table: Table, *, is_whole: bool) -> dict[str, dict[str, Any]]:
    """Return what is told by one scan of all rows, by column."""
    wanted: dict[tuple[str, str], Value] = {}
    for name in table.columns:
        column = table[name]
        wanted[name, "rows"] = table.count()
        wanted[name, "nulls"] = table.count() - column.count()
        wanted[name, "distinct"] = column.nunique() if is_whole else column.approx_nunique()
        if column.type().is_numeric():
            finite = _finite(column)
            wanted[name, "not_finite"] = column.count() - finite.count()
            wanted[name, "min"], wanted[name, "max"] = finite.min(), finite.max()
            wanted[name, "mean"] = finite.mean()
    told = table.aggregate(**{"__".join(key): value for key, value in wanted.items()})
    [row] = rows_of(engine, told)
    facts: dict[str, dict[str, Any]] = {name: {} for name in table.columns}
    for (name, fact), value in zip(wanted, row.values(), strict=True):
        facts[name][fact] = value
    return facts


def _column(engine: Engine, examined: Table, name: str, facts: dict[str, Any]) -> ColumnProfile:
    kind = _kind(name, examined[name])
    if kind in ("text", "yes_no"):
        return ColumnProfile(name=name, kind=kind, top=_top(engine, examined, name), **facts)
    values = _finite(examined[name]).name("value").as_table()
    quantiles = _quantiles(engine, values)
    low, high = quantiles.get("p01"), quantiles.get("p99")
    if kind == "time" or low == high:  # time is never so skewed that its ends must be cut off
        low, high = facts["min"], facts["max"]
    for key in ("min", "max", "mean"):
        facts[key] = None if facts[key] is None else _short(facts[key])
    histogram = None if low is None or high is None else _histogram(engine, values, low, high)
    return ColumnProfile(name=name, kind=kind, quantiles=quantiles, histogram=histogram, **facts)


def _finite(column: Value) -> Value:
    """Return the column as float64, null where it is no finite number."""
    number = column.cast("float64")
    return ibis.ifelse(is_finite(number), number, ibis.null("float64"))


def _top(engine: Engine, examined: Table, name: str) -> tuple[TopValue, ...]:
    named = examined.filter(examined[name].notnull()).select(value=examined[name].cast("string"))
    counted = named.group_by("value").aggregate(n=named.count())
    best = counted.order_by(ibis.desc("n"), "value").limit(N_TOP)
    return tuple(TopValue(**row) for row in rows_of(engine, best))


def _quantiles(engine: Engine, values: Table) -> dict[str, float]:
    """Return quantiles of the rows examined, to ten digits; none of no values."""
    [row] = rows_of(engine, values.aggregate(found=values.value.quantile(list(QUANTILES))))
    names = (f"p{round(100 * share):02d}" for share in QUANTILES)
    quantiles = row["found"]
    return {} if quantiles is None else dict(zip(names, map(_short, quantiles), strict=True))


def _histogram(engine: Engine, values: Table, low: float, high: float) -> Histogram:
    width = (high - low) / N_BINS or 1.0
    place = ((values.value - double(low)) / double(width)).floor().clip(0, N_BINS - 1).cast("int64")
    present = values.filter(values.value.notnull()).select(place=place)
    found = rows_of(engine, present.group_by("place").aggregate(n=present.count()))
    by_place = {row["place"]: row["n"] for row in found}
    counts = tuple(by_place.get(place, 0) for place in range(N_BINS))
    return Histogram(low=low, high=high, counts=counts)


def _short(value: float) -> float:
    """Cut to ten digits: parallel sums, and engines, differ in the last ones."""
    return float(f"{value:.10g}")
