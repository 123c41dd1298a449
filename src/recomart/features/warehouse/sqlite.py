"""The warehouse in one SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from recomart.errors import StoreUnavailableError
from recomart.features.warehouse.base import Warehouse, not_loaded
from recomart.features.warehouse.ddl import SQLITE, quoted
from recomart.lake.vacuum import vacuum

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from recomart.features.warehouse.ddl import Table

RECORDS = """
CREATE TABLE IF NOT EXISTS _loads (
    view TEXT PRIMARY KEY, -- feature view
    version TEXT NOT NULL, -- version of the data set that its table holds
    shape TEXT NOT NULL,   -- the statement that makes its table
    loaded_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS _migrations (
    view TEXT NOT NULL,
    what TEXT NOT NULL,    -- how the shape of its table changed
    at TEXT NOT NULL
);
"""
PATIENCE_S = 10.0


class SqliteWarehouse(Warehouse):
    """See `Warehouse`."""

    dialect = SQLITE

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._con = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
            self._con.execute("PRAGMA journal_mode = WAL")
            self._con.executescript(RECORDS)

    def held(self, view: str) -> tuple[str, str] | None:
        """See `Warehouse`."""
        with self._trouble():
            query = "SELECT version, shape FROM _loads WHERE view = ?"
            found: tuple[str, str] | None = self._con.execute(query, (view,)).fetchone()
        return found

    def load(self, view: str, version: str, table: Table, rows: pa.RecordBatchReader) -> list[str]:
        """See `Warehouse`."""
        staging = self._stage(rows)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._trouble(), self._transaction(staging) as con:
            there = {row[1]: row[2] for row in con.execute(f"PRAGMA table_info({quoted(view)})")}
            changes = self._apply(con.execute, table, there, "staging.staged")
            con.executemany(
                "INSERT INTO _migrations VALUES (?, ?, ?)", [(view, c, now) for c in changes]
            )
            row = (view, version, self.shape(table), now)
            con.execute("INSERT OR REPLACE INTO _loads VALUES (?, ?, ?, ?)", row)
        staging.unlink()
        return changes

    def read(
        self, view: str, keys: Mapping[str, str], values: Sequence[tuple[Any, ...]]
    ) -> list[dict[str, Any]]:
        """See `Warehouse`."""
        if self.held(view) is None:
            raise not_loaded(view, [row[0] for row in self._con.execute("SELECT view FROM _loads")])
        condition = " AND ".join(f"{quoted(key)} = ?" for key in keys)
        query = f"SELECT * FROM {quoted(view)} WHERE {condition}"
        with self._trouble():
            cursors = [self._con.execute(query, value) for value in values]
            names = [column[0] for column in cursors[0].description] if cursors else []
            rows = [cursor.fetchone() for cursor in cursors]
        return [dict(zip(names, row, strict=True)) for row in rows if row is not None]

    def of_user(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """See `Warehouse`."""
        found = {}
        with self._trouble():
            for view in self._with_users():
                query = f"SELECT * FROM {quoted(view)} WHERE user_id = ?"
                rows = self._con.execute(query, (user_id,))
                names = [column[0] for column in rows.description]
                found[view] = [dict(zip(names, row, strict=True)) for row in rows]
        return found

    def forget_user(self, user_id: str) -> int:
        """See `Warehouse`; the file is written anew, without what was deleted."""
        n = 0
        self.path.with_name(f"{self.path.name}.staging").unlink(missing_ok=True)
        with self._trouble():
            self._con.execute("BEGIN IMMEDIATE")
            for view in self._with_users():
                delete = f"DELETE FROM {quoted(view)} WHERE user_id = ?"
                n += self._con.execute(delete, (user_id,)).rowcount
            self._con.execute("COMMIT")
            vacuum(self.path, PATIENCE_S)
        return n

    def _with_users(self) -> list[str]:
        """Return the views whose tables have a column of users."""
        views = [row[0] for row in self._con.execute("SELECT view FROM _loads ORDER BY view")]
        columns = {
            view: {row[1] for row in self._con.execute(f"PRAGMA table_info({quoted(view)})")}
            for view in views
        }
        return [view for view in views if "user_id" in columns[view]]

    def close(self) -> None:
        """See `Warehouse`."""
        self._con.close()

    def _stage(self, rows: pa.RecordBatchReader) -> Path:
        """Load the rows in bulk into a database of their own beside the warehouse.

        The bulk loader brings an SQLite of its own; two of them on one file in one process would
        undo each other's locks.
        """
        staging = self.path.with_name(f"{self.path.name}.staging")
        staging.unlink(missing_ok=True)
        with adbc.connect(str(staging)) as con, con.cursor() as cursor:
            cursor.adbc_ingest("staged", _plain(rows), mode="create")
            con.commit()
        return staging

    @contextmanager
    def _transaction(self, staging: Path) -> Iterator[sqlite3.Connection]:
        con = self._con
        con.execute("ATTACH ? AS staging", (str(staging),))
        try:
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
            except BaseException:
                con.execute("ROLLBACK")
                raise
            con.execute("COMMIT")
        finally:
            with closing(con.execute("DETACH staging")):
                pass

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(f"The warehouse {self.path.name}", str(error)) from error


def _plain(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Give booleans as integers, which is what SQLite has."""
    schema = pa.schema(
        [f.with_type(pa.int64()) if pa.types.is_boolean(f.type) else f for f in rows.schema]
    )
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))
