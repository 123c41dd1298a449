"""Tables without somebody's rows: Parquet with a column of users, and the quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.pipeline.erasing.whose import USER
from recomart.quality.reading import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    Mask = Callable[[pa.RecordBatch], pa.BooleanArray]

BATCH_ROWS = 262_144


def of_user(user_id: str) -> Mask:
    """Return what tells the rows of a user."""

    def mask(batch: pa.RecordBatch) -> pa.BooleanArray:
        ids = batch.column(USER)
        return pc.fill_null(pc.equal(ids, pa.scalar(user_id, ids.type)), fill_value=False)

    return mask


def of_lists(rows: set[int]) -> Mask:
    """Return what tells the rows of some lists: see `recomart.ranking.rows`."""

    def mask(batch: pa.RecordBatch) -> pa.BooleanArray:
        return pc.is_in(batch.column("row"), value_set=pa.array(rows, batch.column("row").type))

    return mask


def of_raw(
    needle: str, is_theirs: Callable[[str, str], bool], is_message: Callable[[str], bool]
) -> Mask:
    """Return what tells quarantined rows, by file and raw text; `needle` stands in all of them.

    is_message  tells the same of a message of a stream, by its raw text
    """

    def mask(batch: pa.RecordBatch) -> pa.BooleanArray:
        found = np.zeros(batch.num_rows, dtype=bool)
        are_messages = pc.fill_null(pc.equal(batch.column("rules"), MESSAGE), fill_value=False)
        may = pc.fill_null(pc.match_substring(batch.column("raw"), needle), fill_value=False)
        may = pc.or_(may, are_messages).to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(may).tolist():
            file, raw = (batch.column(name)[place].as_py() for name in ("file", "raw"))
            is_one = are_messages[place].as_py()
            found[place] = is_message(raw) if is_one else is_theirs(file, raw)
        return pa.array(found)

    return mask


def of_codes(codes: Collection[str]) -> Mask:
    """Return what tells lists that were shown to units of some codes."""

    def mask(batch: pa.RecordBatch) -> pa.BooleanArray:
        units = batch.column("unit")
        return pc.is_in(units, value_set=pa.array(codes, units.type))

    return mask


def has_column(path: Path, name: str) -> bool:
    """Tell whether a Parquet file has a column."""
    return name in pq.read_schema(path).names


def count(path: Path, mask: Mask, columns: list[str]) -> int:
    """Return how many rows a mask tells; only `columns` are read."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(BATCH_ROWS, columns=columns)
        return sum(pc.sum(mask(batch)).as_py() or 0 for batch in batches)


def without(path: Path, mask: Mask) -> pa.RecordBatchReader:
    """Read the rows that a mask does not tell, in their order."""

    def kept() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield batch.filter(pc.invert(mask(batch)))

    return pa.RecordBatchReader.from_batches(pq.read_schema(path), kept())


def rows(path: Path, mask: Mask) -> list[dict[str, object]]:
    """Return the rows that a mask tells."""
    with pq.ParquetFile(path) as file:
        found = [batch.filter(mask(batch)) for batch in file.iter_batches(BATCH_ROWS)]
    return [row for batch in found for row in batch.to_pylist()]
