"""Tables that people bring: pandas, Polars or Arrow, whatever speaks Arrow's stream protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from recomart.engines.base import ARROW_TYPES
from recomart.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOMENTS = ("at_us", "occurred_us", "at", "occurred_at", "timestamp")
"""Columns that may hold the moment of a row: integers of µs, or UTC timestamps."""
ARRIVALS = ("arrived_us", "arrived_at")


def arrow_of(frame: object) -> pa.Table:
    """Return a table as Arrow, in the few types that features have. Raises FrameError."""
    if not isinstance(frame, pa.Table) and not hasattr(frame, "__arrow_c_stream__"):
        raise FrameError(
            f"A {type(frame).__name__} is no table.",
            remedy="Give a data frame of pandas or Polars, or a pyarrow.Table.",
        )
    table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise FrameError(
            f"The table has several columns {', '.join(sorted(twice))}.", remedy="Rename them."
        )
    return pa.table({name: _plain(table[name]) for name in names})


def like(given: object, table: pa.Table) -> Any:  # noqa: ANN401  (the kind that was given)
    """Return a table as the kind of data frame that was given."""
    kind = type(given).__module__.partition(".")[0]
    if kind == "pandas":
        return table.to_pandas()
    if kind == "polars":
        import polars as pl

        return pl.from_arrow(table)
    return table


def moments_of(table: pa.Table, names: Sequence[str] = MOMENTS) -> pa.ChunkedArray | None:
    """Return the moments of the rows in µs UTC, or None where no column tells them.

    Raises FrameError for nulls, and for a column that holds no moments.
    """
    for name in names:
        if name in table.column_names:
            return _micros(name, table[name])
    return None


def held_to(table: pa.Table, columns: Mapping[str, str]) -> pa.Table:
    """Return some columns, of just these types and without nulls. Raises FrameError."""
    lacking = [name for name in columns if name not in table.column_names]
    if lacking:
        raise FrameError(
            f"The table lacks {', '.join(lacking)}.",
            remedy=f"It has {', '.join(table.column_names) or 'no columns'}.",
        )
    chosen = {name: typed(name, table[name], dtype) for name, dtype in columns.items()}
    for name, column in chosen.items():
        if column.null_count:
            raise FrameError(
                f"{name!r} is null in {column.null_count:,} row(s).",
                remedy="Leave such rows out, or fill the key in.",
            )
    return pa.table(chosen)


def typed(name: str, column: pa.ChunkedArray, dtype: str) -> pa.ChunkedArray:
    """Return a column if it is of a type, or can be without changing a value. Raises FrameError."""
    wanted = ARROW_TYPES[dtype]
    is_wider = pa.types.is_integer(column.type) and dtype == "float64"
    if column.type == wanted or pa.types.is_null(column.type) or is_wider:
        return column.cast(wanted)
    raise FrameError(
        f"{name!r} should be {dtype}, and is {column.type}.",
        remedy=f"Cast it; it holds values such as {_example(column)!r}.",
    )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Widen a column to the type that features of its kind have."""
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return _plain(column.cast(dtype.value_type))
    if pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return column.cast(pa.string())
    if pa.types.is_integer(dtype) and dtype != pa.int64():
        return column.cast(pa.int64())
    if pa.types.is_floating(dtype) and dtype != pa.float64():
        return column.cast(pa.float64())
    return column


def _micros(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):  # without a zone: UTC, as everywhere here
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    elif not (name.endswith("_us") and column.type == pa.int64()):
        raise FrameError(
            f"{name!r} is {column.type}, which is no moment.",
            remedy="Give `at_us` as integers of µs UTC, or `at` as timestamps.",
        )
    if column.null_count:
        raise FrameError(
            f"{name!r} is null in {column.null_count:,} row(s).",
            remedy="Say for each row at which moment it is asked for.",
        )
    return column


def _example(column: pa.ChunkedArray) -> str:
    known = pc.drop_null(column)
    return str(known[0].as_py()) if len(known) else ""
