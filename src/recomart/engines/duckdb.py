"""DuckDB as the embedded engine: a calculator over Parquet files, never a system of record."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from pathlib import Path

    from ibis.backends.duckdb import Backend

    from recomart.settings import EngineSettings


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
