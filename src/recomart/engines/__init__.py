"""Engines: compute tables. One Ibis expression, whatever runs it.

Reads    Parquet files that the lake has verified
Writes   nothing; results leave as streams of Arrow batches
Imports  settings, vocabulary, errors; never lake

Another engine is a file with the verbs of `Engine` and a line in `open_engine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.engines.asof import intervals, join_as_of
from recomart.engines.base import Engine, double, is_finite, rows_of
from recomart.engines.duckdb import DuckDBEngine, connect

if TYPE_CHECKING:
    from pathlib import Path

    from ibis.backends.duckdb import Backend

    from recomart.settings import EngineSettings

__all__ = [
    "DuckDBEngine",
    "Engine",
    "connect",
    "double",
    "intervals",
    "is_finite",
    "join_as_of",
    "open_engine",
    "open_engine_for_tables",
    "rows_of",
]


def open_engine(settings: EngineSettings, con: Backend, spill: Path | None = None) -> Engine:
    """Open the engine of the settings; DuckDB works on the connection that is there.

    Raises StoreUnavailableError, MissingExtraError.
    """
    if settings.kind == "postgres":
        from recomart.engines.postgres import PostgresEngine

        return PostgresEngine(settings.postgres)
    if settings.kind == "spark":
        from recomart.engines.spark import SparkEngine

        return SparkEngine(settings, spill)
    return DuckDBEngine(con)


def open_engine_for_tables(
    settings: EngineSettings, con: Backend, spill: Path | None = None
) -> Engine:
    """Open what makes and describes tables: Spark where the settings say so, else DuckDB.

    PostgreSQL computes features alone. Raises as `open_engine` does.
    """
    if settings.kind == "postgres":
        return DuckDBEngine(con)
    return open_engine(settings, con, spill)
