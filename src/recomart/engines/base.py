"""What every engine can do: bring tables in, compute Ibis expressions, stream the rows out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

import ibis
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ibis.expr.types import BooleanValue, FloatingValue, Table
    from typing_extensions import Self

ARROW_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int16": pa.int16(),
    "int8": pa.int8(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
}


class Engine(Protocol):
    """Computes tables. One Ibis expression gives the same rows on each of them.

    A context manager: what was read, loaded or kept goes with it.
    """

    name: str
    has_asof: bool
    """It joins the newest row before a moment by itself."""
    rows_at_once: int | None
    """Events beyond which work is better cut into parts; None: it sees to that itself."""

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> Table:
        """Open columns (name → type) of Parquet files as one table; no files, no rows.

        A column is null in the rows of files that have it not.
        """

    def load(self, name: str, rows: pa.Table) -> Table:
        """Bring rows of this process in."""

    def keep(self, name: str, table: Table) -> Table:
        """Compute a table once, for several uses."""

    def stream(self, table: Table) -> pa.RecordBatchReader:
        """Run an expression and read its rows in batches, in their order."""

    def drop(self, name: str) -> None:
        """Forget what was loaded or kept under a name."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Forget everything; what was shared with others stays open."""


def rows_of(engine: Engine, table: Table) -> list[dict[str, Any]]:
    """Run an expression and return its rows."""
    found: list[dict[str, Any]] = engine.stream(table).read_all().to_pylist()
    return found


def double(value: float) -> FloatingValue:
    """Return a literal that is a double in every engine; DuckDB and Spark read 1.0 as a decimal."""
    return ibis.literal(repr(value)).cast("float64")


def is_finite(number: FloatingValue) -> BooleanValue:
    """Tell which numbers are finite, by their size: Ibis does not find infinity on Spark."""
    return number.abs() <= double(sys.float_info.max)  # NaN is the greatest of all numbers


def empty(columns: Mapping[str, str]) -> pa.Table:
    """Return a table of no rows."""
    return pa.schema([(name, ARROW_TYPES[dtype]) for name, dtype in columns.items()]).empty_table()
