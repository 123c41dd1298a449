"""The warehouse in PostgreSQL: schema `features`, loaded by COPY, changed in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import FrameError, MissingExtraError, StoreUnavailableError
from recomart.features.warehouse.base import Warehouse, not_loaded
from recomart.features.warehouse.ddl import POSTGRES, quoted
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from recomart.features.warehouse.ddl import Table

SCHEMA, STAGING = "features", "recomart_staging"
RECORDS = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE SCHEMA IF NOT EXISTS {STAGING};
CREATE TABLE IF NOT EXISTS {SCHEMA}._loads (
    view text PRIMARY KEY, version text NOT NULL, shape text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {SCHEMA}._migrations (
    view text NOT NULL, what text NOT NULL, at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON SCHEMA {SCHEMA} IS 'feature views of RecoMart, one table each';
COMMENT ON TABLE {SCHEMA}._loads IS 'version of the data set that each table holds';
COMMENT ON TABLE {SCHEMA}._migrations IS 'how the shapes of tables changed';
"""
LOCK = 7_253_003
CONNECT_S, LOCK_S, ANSWER_S = 3, 10, 600


class PostgresWarehouse(Warehouse):
    """See `Warehouse`. One loader at a time: a second waits some seconds, then gives up."""

    dialect = POSTGRES
    schema = SCHEMA

    def __init__(self, url: str, lock_s: float = LOCK_S) -> None:
        try:
            import adbc_driver_postgresql.dbapi as adbc
            import psycopg
        except ModuleNotFoundError as error:
            raise MissingExtraError(str(error.name), "postgres") from None
        self._psycopg, self._adbc, self._url = psycopg, adbc, url
        limits = f"-c statement_timeout={ANSWER_S * 1000} -c lock_timeout={round(lock_s * 1000)}"
        with self._trouble():
            self._con: Any = psycopg.connect(
                url, autocommit=True, connect_timeout=CONNECT_S, options=limits
            )
            with self._transaction():
                self._con.execute(RECORDS)

    def held(self, view: str) -> tuple[str, str] | None:
        """See `Warehouse`."""
        with self._trouble():
            query = f"SELECT version, shape FROM {SCHEMA}._loads WHERE view = %s"
            found: tuple[str, str] | None = self._con.execute(query, (view,)).fetchone()
        return found

    def load(self, view: str, version: str, table: Table, rows: pa.RecordBatchReader) -> list[str]:
        """See `Warehouse`."""
        with self._trouble(), self._transaction():
            self._stage(view, rows)
            staged = f"{STAGING}.{quoted(view)}"
            query = (
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = %s AND table_name = %s"
            )
            there = dict(self._con.execute(query, (SCHEMA, view)).fetchall())
            changes = self._apply(self._con.execute, table, there, staged)
            for change in changes:
                insert = f"INSERT INTO {SCHEMA}._migrations (view, what) VALUES (%s, %s)"
                self._con.execute(insert, (view, change))
            self._con.execute(
                f"INSERT INTO {SCHEMA}._loads (view, version, shape) VALUES (%s, %s, %s) "
                "ON CONFLICT (view) DO UPDATE SET version = excluded.version, "
                "shape = excluded.shape, loaded_at = excluded.loaded_at",
                (view, version, self.shape(table)),
            )
            self._con.execute(f"DROP TABLE {staged}")
        return changes

    def read(
        self, view: str, keys: Mapping[str, str], values: Sequence[tuple[Any, ...]]
    ) -> list[dict[str, Any]]:
        """See `Warehouse`."""
        with self._trouble():
            if self.held(view) is None:
                known = self._con.execute(f"SELECT view FROM {SCHEMA}._loads").fetchall()
                raise not_loaded(view, [row[0] for row in known])
            condition = " AND ".join(f"{quoted(key)} = %s" for key in keys)
            query = f"SELECT * FROM {SCHEMA}.{quoted(view)} WHERE {condition}"
            cursors = [self._con.execute(query, value) for value in values]
        found = []
        for cursor in cursors:
            row = cursor.fetchone()
            if row is not None:
                found.append(dict(zip((c.name for c in cursor.description), row, strict=True)))
        return found

    def of_user(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """See `Warehouse`."""
        found = {}
        with self._trouble():
            for view in self._with_users():
                query = f"SELECT * FROM {SCHEMA}.{quoted(view)} WHERE user_id = %s"
                rows = self._con.execute(query, (user_id,))
                names = [column.name for column in rows.description]
                found[view] = [dict(zip(names, row, strict=True)) for row in rows]
        return found

    def forget_user(self, user_id: str) -> int:
        """See `Warehouse`; dead rows go, the server's own logs are beyond reach."""
        n = 0
        with self._trouble():
            views = self._with_users()
            with self._transaction():
                for view in views:
                    self._con.execute(f"DROP TABLE IF EXISTS {STAGING}.{quoted(view)}")
                    delete = f"DELETE FROM {SCHEMA}.{quoted(view)} WHERE user_id = %s"
                    n += self._con.execute(delete, (user_id,)).rowcount
            for view in views if n else ():
                self._con.execute(f"VACUUM {SCHEMA}.{quoted(view)}")
        return n

    def _with_users(self) -> list[str]:
        """Return the views whose tables have a column of users."""
        query = (
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = %s AND column_name = 'user_id' ORDER BY table_name"
        )
        return [row[0] for row in self._con.execute(query, (SCHEMA,)).fetchall()]

    def close(self) -> None:
        """See `Warehouse`."""
        self._con.close()

    def _stage(self, view: str, rows: pa.RecordBatchReader) -> None:
        """Load the rows in bulk into a table beside; what a killed load left there goes."""
        staged = f"{STAGING}.{quoted(view)}"
        with self._adbc.connect(self._url, autocommit=True) as con, con.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {staged}")
            cursor.adbc_ingest(view, rows, mode="create", db_schema_name=STAGING)
            cursor.execute(f"ANALYZE {staged}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._con.transaction():
            self._con.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        from adbc_driver_manager import Error

        name = f"PostgreSQL at {shown(self._url)}"
        try:
            yield
        except (Error, self._psycopg.Error, OSError) as error:
            if "0x00" in str(error):
                raise FrameError(
                    "A text holds the character NUL, which PostgreSQL cannot store.",
                    remedy="Clean it in the source, or keep the warehouse in SQLite.",
                ) from error
            raise StoreUnavailableError(name, str(error)) from error
