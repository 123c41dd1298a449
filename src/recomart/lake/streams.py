"""Streams of rows, cut into parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator


def split_by(batches: pa.RecordBatchReader, column: str) -> Iterator[tuple[int, pa.Table]]:
    """Cut batches in which equal values of `column` stand together into one table a value.

    Holds one part and one batch in memory.
    """
    held: list[pa.RecordBatch] = []
    current: int | None = None
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            values = batch.column(column)
            value = values[start].as_py()
            if value != current and current is not None:
                yield current, pa.Table.from_batches(held, batches.schema)
                held = []
            current = value
            later = pc.index(pc.equal(values.slice(start), value), value=False).as_py()
            length = batch.num_rows - start if later < 0 else later
            held.append(batch.slice(start, length))
            start += length
    if current is not None:
        yield current, pa.Table.from_batches(held, batches.schema)
