"""DuckDB as the embedded engine: a calculator over Parquet files, never a system of record."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from recomart.engines.base import empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table
    from typing_extensions import Self

    from recomart.settings import EngineSettings

BATCH_ROWS = 65_536


def connect(settings: EngineSettings, spill: Path | None = None) -> Backend:
    """Open an in-memory DuckDB that keeps its memory limit by spilling to the folder `spill`.

    Insertion order is kept: the same query over the same files gives the same rows in order.
    """
    con = ibis.duckdb.connect(
        memory_limit=settings.memory_limit,
        temp_directory=str(spill or tempfile.gettempdir()),
        **({"threads": settings.threads} if settings.threads else {}),
    )
    con.raw_sql("SET enable_progress_bar = false")
    return con


class DuckDBEngine:
    """Computes in this process, on a connection that may be shared."""

    name = "duckdb"
    has_asof = True
    rows_at_once: int | None = 6_000_000  # groups of many strings spill badly beyond

    def __init__(self, con: Backend) -> None:
        self.con = con
        self._made: list[str] = []

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> Table:
        """See `Engine`; files are read when an expression asks for them."""
        if not paths:
            return self.load(name, empty(columns))
        table = self.con.read_parquet([str(path) for path in paths], union_by_name=True)
        absent = {n: ibis.null(kind) for n, kind in columns.items() if n not in table.columns}
        return table.mutate(**absent).select(*columns)

    def load(self, name: str, rows: pa.Table) -> Table:
        """See `Engine`."""
        return self.keep(name, ibis.memtable(rows))

    def keep(self, name: str, table: Table) -> Table:
        """See `Engine`; a temporary table."""
        self._made.append(name)
        return self.con.create_table(name, table, temp=True, overwrite=True)

    def stream(self, table: Table) -> pa.RecordBatchReader:
        """See `Engine`; DuckDB's own sums are wider integers than the expression promises."""
        rows = self.con.to_pyarrow_batches(table, chunk_size=BATCH_ROWS)
        batches = (batch.cast(rows.schema) for batch in rows)
        return pa.RecordBatchReader.from_batches(rows.schema, batches)

    def drop(self, name: str) -> None:
        """See `Engine`."""
        self.con.drop_table(name, force=True)

    def __enter__(self) -> Self:
        """See `Engine`."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `Engine`."""
        for name in self._made:
            self.drop(name)
        self._made.clear()
