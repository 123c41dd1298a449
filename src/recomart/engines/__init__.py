"""Engines: compute tables. One Ibis expression, whatever runs it.

Reads    Parquet files that the lake has verified
Writes   nothing; results leave as streams of Arrow batches
Imports  settings, vocabulary, errors; never lake
"""

from recomart.engines.asof import intervals, join_as_of
from recomart.engines.duckdb import connect

__all__ = ["connect", "intervals", "join_as_of"]
