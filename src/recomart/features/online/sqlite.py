"""The online store in one SQLite file: for one machine, without a server."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recomart.errors import StoreUnavailableError
from recomart.features.online.base import BEHIND, PART, State, overtaken, table_of
from recomart.features.online.threads import PerThread
from recomart.lake.vacuum import vacuum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from recomart.features.online.base import Row

SCHEMA = """
CREATE TABLE IF NOT EXISTS _state (
    view TEXT PRIMARY KEY, -- data set of a feature view
    held TEXT NOT NULL,    -- the table of its current generation
    state TEXT NOT NULL    -- JSON
);
CREATE TABLE IF NOT EXISTS _making (
    view TEXT PRIMARY KEY,
    held TEXT NOT NULL,    -- the table of the generation in the making
    batches INTEGER NOT NULL
);
"""
AT_ONCE = 500
"""Keys of one SELECT; SQLite allows 999 parameters on old builds."""
PATIENCE_S = 5.0


class SqliteStore:
    """See `OnlineStore`. Readers never wait for a writer (WAL); threads have a connection each."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self._patience_s = patience_s
        self._name = f"The online store {path.name}"
        self._threads = PerThread(self._connect)
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            con = self._threads.mine()
            con.execute("PRAGMA journal_mode = WAL")
            con.executescript(SCHEMA)

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        with self._trouble():
            query = "SELECT state FROM _state WHERE view = ?"
            found = self._threads.mine().execute(query, (view,)).fetchone()
        return State.read(found[0]) if found else None

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        with self._trouble():
            query = "SELECT view FROM _state ORDER BY view"
            return [row[0] for row in self._threads.mine().execute(query)]

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`."""
        found: dict[bytes, bytes] = {}
        with self._trouble(), self._transaction("DEFERRED") as con:
            held = _current(con, view)
            for first in range(0, len(keys) if held else 0, AT_ONCE):
                some = keys[first : first + AT_ONCE]
                marks = ",".join("?" * len(some))
                # the name of a table is a hash of ours, never what somebody gave
                query = f"SELECT key, value FROM {held} WHERE key IN ({marks})"
                found.update(con.execute(query, some))
        return [found.get(key) for key in keys]

    def under(self, view: str, begin: bytes) -> list[Row]:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction("DEFERRED") as con:
            held = _current(con, view)
            query = f"SELECT key, value FROM {held} WHERE key = ? OR (key >= ? AND key < ?)"
            bounds = (begin, begin + PART, begin + BEHIND)
            return con.execute(query, bounds).fetchall() if held else []

    def tidy(self) -> None:
        """See `OnlineStore`; the file is written anew, without what was deleted."""
        with self._trouble():
            vacuum(self.path, self._patience_s)

    def progress(self, view: str, version: str) -> int:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = table_of(view, version, _current(con, view))
            query = "SELECT held, batches FROM _making WHERE view = ?"
            there = con.execute(query, (view,)).fetchone()
            if there and there[0] == held:
                return int(there[1])
            if there:
                con.execute(f"DROP TABLE IF EXISTS {there[0]}")
            con.execute(f"DROP TABLE IF EXISTS {held}")
            con.execute(f"CREATE TABLE {held} (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
            con.execute("INSERT OR REPLACE INTO _making VALUES (?, ?, 0)", (view, held))
        return 0

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = table_of(view, version, _current(con, view))
            update = "UPDATE _making SET batches = max(batches, ?) WHERE view = ? AND held = ?"
            if not con.execute(update, (number + 1, view, held)).rowcount:
                raise overtaken(self._name, view)
            con.executemany(f"INSERT OR REPLACE INTO {held} VALUES (?, ?)", rows)

    def publish(self, state: State) -> None:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            before = _current(con, state.view)
            held = table_of(state.view, state.version, before)
            made = "DELETE FROM _making WHERE view = ? AND held = ?"
            if not con.execute(made, (state.view, held)).rowcount:
                raise overtaken(self._name, state.view)
            row = (state.view, held, state.model_dump_json())
            con.execute("INSERT OR REPLACE INTO _state VALUES (?, ?, ?)", row)
            if before:
                con.execute(f"DROP TABLE {before}")

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = _current(con, state.view)
            con.executemany(f"INSERT OR REPLACE INTO {held} VALUES (?, ?)", rows)
            con.executemany(
                f"DELETE FROM {held} WHERE key = ?",
                ((key,) for key in gone),
            )
            update = "UPDATE _state SET state = ? WHERE view = ?"
            con.execute(update, (state.model_dump_json(), state.view))

    def close(self) -> None:
        """See `OnlineStore`."""
        self._threads.close()

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(
            self.path,
            isolation_level=None,
            timeout=self._patience_s,
            check_same_thread=False,  # `close` may be called by another thread
        )
        con.execute("PRAGMA synchronous = FULL")
        return con

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        con = self._threads.mine()
        con.execute(f"BEGIN {kind}")
        try:
            yield con
            con.execute("COMMIT")
        except BaseException:
            if con.in_transaction:  # SQLite itself takes back some, as on a full disk
                con.execute("ROLLBACK")
            raise

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(self._name, str(error)) from error


def _current(con: sqlite3.Connection, view: str) -> str | None:
    found = con.execute("SELECT held FROM _state WHERE view = ?", (view,)).fetchone()
    return str(found[0]) if found else None
