"""PostgreSQL as an engine: expressions run in the database, rows go in and out by ADBC."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.dataset as ds

from recomart.engines.base import empty
from recomart.errors import MissingExtraError, StoreUnavailableError
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from ibis.expr.types import Table
    from typing_extensions import Self

SCHEMA = "recomart_engine"
"""Where tables stand while an engine is open; one engine at a time, by an advisory lock."""
LOCK = 7_253_001
SQL_TYPES = {
    pa.string(): 'text COLLATE "C"',  # words sort by their bytes, as in the other engines
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.int16(): "smallint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
}


class PostgresEngine:
    """Computes in a PostgreSQL database. What a killed process left is cleared by the next."""

    name = "postgres"
    has_asof = False
    rows_at_once: int | None = None

    def __init__(self, url: str) -> None:
        self._url = url
        with _trouble(url):
            self._adbc = _driver().connect(url, autocommit=True)
            try:
                self._claim()
                self.con = ibis.connect(url)
            except BaseException:
                self._adbc.close()
                raise

    def _claim(self) -> None:
        [[free]] = self._ask(f"SELECT pg_try_advisory_lock({LOCK})")
        if not free:
            raise StoreUnavailableError(shown(self._url), "another run computes in this database")
        self._tell(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        self._tell(f"CREATE SCHEMA {SCHEMA}")

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> Table:
        """See `Engine`; the rows are copied into the database."""
        if not paths:
            return self.load(name, empty(columns))
        schema = empty(columns).schema  # else that of the first file
        files = ds.dataset([str(path) for path in paths], schema, format="parquet")
        return self._fill(name, files.scanner().to_reader())

    def load(self, name: str, rows: pa.Table) -> Table:
        """See `Engine`."""
        return self._fill(name, rows.to_reader())

    def _fill(self, name: str, rows: pa.RecordBatchReader) -> Table:
        schema = pa.schema([(field.name, _wider(field.type)) for field in rows.schema])
        columns = ", ".join(f'"{field.name}" {SQL_TYPES[field.type]}' for field in schema)
        batches = (batch.cast(schema) for batch in rows)
        with _trouble(self._url), closing(self._adbc.cursor()) as cursor:
            self.drop(name)
            self._tell(f'CREATE UNLOGGED TABLE {SCHEMA}."{name}" ({columns})')
            cursor.adbc_ingest(
                name,
                pa.RecordBatchReader.from_batches(schema, batches),
                mode="append",
                db_schema_name=SCHEMA,
            )
            self._tell(f'ANALYZE {SCHEMA}."{name}"')
        return self.con.table(name, database=SCHEMA)

    def keep(self, name: str, table: Table) -> Table:
        """See `Engine`; an unlogged table."""
        query = self.con.compile(table)
        with _trouble(self._url):
            self.drop(name)
            self._tell(f'CREATE UNLOGGED TABLE {SCHEMA}."{name}" AS {query}')
            self._tell(f'ANALYZE {SCHEMA}."{name}"')
        return self.con.table(name, database=SCHEMA)

    def stream(self, table: Table) -> pa.RecordBatchReader:
        """See `Engine`."""
        schema = table.schema().to_pyarrow()
        cursor = self._adbc.cursor()
        with _trouble(self._url):
            cursor.execute(self.con.compile(table))
            rows = cursor.fetch_record_batch()

        def batches() -> Iterator[pa.RecordBatch]:
            with _trouble(self._url), closing(cursor):
                for batch in rows:
                    yield batch.cast(schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def drop(self, name: str) -> None:
        """See `Engine`."""
        self._tell(f'DROP TABLE IF EXISTS {SCHEMA}."{name}"')

    def _tell(self, statement: str) -> None:
        with closing(self._adbc.cursor()) as cursor:
            cursor.execute(statement)

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._adbc.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def __enter__(self) -> Self:
        """See `Engine`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the tables, close both connections; the lock goes with them."""
        try:
            self.con.disconnect()
            self._tell(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        finally:
            self._adbc.close()


def _wider(dtype: pa.DataType) -> pa.DataType:
    """Return the narrowest type that PostgreSQL has for an Arrow type."""
    return pa.int16() if dtype == pa.int8() else dtype


def _driver() -> ModuleType:
    try:
        import adbc_driver_postgresql.dbapi as adbc
        import psycopg  # noqa: F401  (what Ibis connects with)
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "postgres") from None
    return adbc  # type: ignore[no-any-return]


@contextmanager
def _trouble(url: str) -> Iterator[None]:
    """Turn what the drivers raise into an error that says where, and hides the password."""
    import psycopg
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, psycopg.Error, OSError) as error:
        raise StoreUnavailableError(f"PostgreSQL at {shown(url)}", str(error)) from error
