"""The file that holds the events: SQLite with a write-ahead log, fsynced at every commit.

After a crash whoever opens it first replays the write-ahead log; nothing else is to be done.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import uuid4

from recomart.errors import BadInputError, IntegrityError, StoreUnavailableError
from recomart.events.record import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Outcome: TypeAlias = Literal["accepted", "duplicate"]

VERSION = 1
"""Of the tables below; a file of another is refused."""
OURS = 0x524D4576
"""SQLite's application_id of an event log: RMEv."""
SYNCHRONOUS = "FULL"
"""Every commit ends with an fsync of the write-ahead log."""
SCHEMA = (
    "CREATE TABLE about (log_id TEXT NOT NULL)",  # tells this log from another in its place
    """CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, -- grows, also when the newest are pruned
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    occurred_us INTEGER NOT NULL,
    arrived_us INTEGER NOT NULL,
    session_id TEXT,
    device TEXT,
    price REAL,
    quantity REAL,
    rating REAL,
    transaction_id TEXT,
    recommendation_id TEXT
)""",
)
COLUMNS = ", ".join(Event._fields)
READ = f"SELECT seq, {COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - ours
MOST_AT_ONCE = 2_048
"""Rows of one INSERT; SQLite takes 32,766 values. Few and large ones, because each hands Python's
lock to another thread and has to wait for it to come back."""
WAL_BYTES = 16 << 20
"""What of the write-ahead log is written over again, which is faster than making it longer."""
MOST_WAL_BYTES = 20 << 20
"""When it has become so long, it is brought into the file."""
CHECKPOINT_TRIES = 50
PRUNED_AT_ONCE = 5_000
TURN_S = 0.0005
"""How long a writer stays back where others write, too; who waits for a turn looks more often."""
PATIENCE_S = 5.0


class EventFile:
    """An open event log file, for one thread at a time; each process opens it for itself.

    Raises StoreUnavailableError where it cannot be reached, is locked for longer than `patience_s`,
    read-only or full; IntegrityError where it is damaged; BadInputError where it is another
    program's or of another version.
    """

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self._patience_s = patience_s
        self._wal = path.with_name(f"{path.name}-wal")
        self._newest, self._is_shared = 0, False
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._con = sqlite3.connect(
                path, isolation_level=None, timeout=0, check_same_thread=False
            )
        try:
            with self._trouble():
                self._prepare()
        except BaseException:
            self._con.close()
            raise

    def _prepare(self) -> None:
        is_new = self._one("SELECT count(*) FROM sqlite_master") == 0
        if not is_new:
            self._hold_to_version()  # before anything of it is changed
        self._patiently("PRAGMA journal_mode = WAL")
        self._con.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        self._con.execute("PRAGMA wal_autocheckpoint = 0")  # see `tend`
        self._con.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        self._con.execute("PRAGMA cache_size = -32768")  # KiB
        if is_new:
            self._create()
        self.log_id = str(self._one("SELECT log_id FROM about"))

    def _hold_to_version(self) -> None:
        kind, version = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        if (kind, version) != (OURS, VERSION):
            found = f"an event log of version {version}" if kind == OURS else "no event log"
            raise BadInputError(
                f"{str(self.path)!r} is {found}; this RecoMart reads version {VERSION}.",
                remedy="Name another file, or use the RecoMart that made this one.",
            )

    def _create(self) -> None:
        """Make the tables, unless another process was first."""
        with self._transaction():
            if self._one("SELECT count(*) FROM sqlite_master") == 0:
                for table in SCHEMA:
                    self._con.execute(table)
                self._con.execute("INSERT INTO about VALUES (?)", (uuid4().hex,))
                self._con.execute(f"PRAGMA application_id = {OURS}")
                self._con.execute(f"PRAGMA user_version = {VERSION}")

    def add(self, events: Sequence[Event]) -> list[Outcome]:
        """Write events in one transaction, known ids aside; on return they are on the disk."""
        with self._trouble(), self._transaction():
            return self._added(events)

    def _added(self, events: Sequence[Event]) -> list[Outcome]:
        """Do it, inside a transaction."""
        before = self._newest_seq()
        added = sum(map(self._insert, _portions(events)))
        if added == len(events):
            outcomes: list[Outcome] = ["accepted"] * added
        else:
            outcomes = self._outcomes(events, before)
        self._is_shared, self._newest = before != self._newest, before + added
        return outcomes

    def _insert(self, events: Sequence[Event]) -> int:
        values = [value for event in events for value in event]
        return self._con.execute(_insertion(len(events)), values).rowcount

    def _outcomes(self, events: Sequence[Event], before: int) -> list[Outcome]:
        """Find which of the events were new: those behind what stood there before."""
        query = "SELECT event_id FROM events WHERE seq > ?"
        new = {event_id for (event_id,) in self._con.execute(query, (before,))}
        found: list[Outcome] = []
        for event in events:
            found.append("accepted" if event.event_id in new else "duplicate")
            new.discard(event.event_id)  # a second one of the same batch is not new
        return found

    def tend(self) -> None:
        """Between two commits: let another process have its turn, keep the log beside it short."""
        if self._is_shared:
            time.sleep(TURN_S)
        with suppress(sqlite3.Error, OSError):  # the next commit will tell what is wrong
            if self._wal.stat().st_size > MOST_WAL_BYTES:
                self._checkpoint()

    def _checkpoint(self) -> None:
        """Bring the write-ahead log into the file and begin it anew.

        That takes a moment in which nobody else writes or reads; while there is none, go on.
        """
        for _ in range(CHECKPOINT_TRIES):
            is_busy, *_ = self._con.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if not is_busy:
                return
            self._wait()

    def newest_seq(self) -> int:
        """Return the number of the newest event ever taken; 0 before the first."""
        with self._trouble():
            return self._newest_seq()

    def _newest_seq(self) -> int:
        return int(self._one("SELECT max(seq) FROM sqlite_sequence") or 0)

    def read_after(self, seq: int, limit: int) -> list[tuple[int, Event]]:
        """Return the next events after a number, with their own, in the order they were taken."""
        with self._trouble():
            rows = self._patiently(READ, (seq, limit)).fetchall()
        return [(row[0], Event._make(row[1:])) for row in rows]

    def of_user(self, user_id: str) -> list[Event]:
        """Return all it holds of a user, in the order they were taken. Reads the whole file."""
        query = f"SELECT {COLUMNS} FROM events WHERE user_id = ? ORDER BY seq"  # noqa: S608 - ours
        with self._trouble():
            return [Event._make(row) for row in self._patiently(query, (user_id,))]

    def forget_user(self, user_id: str) -> int:
        """Forget all events of a user; return how many. Their ids are forgotten with them."""
        with self._trouble():
            self._con.execute("PRAGMA secure_delete = ON")  # their bytes are written over
        with self._trouble(), self._transaction():
            return self._con.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount

    def tidy(self) -> None:
        """Write the file anew, without what was deleted; who writes meanwhile waits."""
        with self._trouble():
            from recomart.lake.vacuum import vacuum  # the lake's room is a heavy one

            vacuum(self.path, self._patience_s)

    def state(self) -> int:
        """Return a number that changes when another connection commits; cheap to ask for."""
        with self._trouble():
            return int(self._one("PRAGMA data_version"))

    def prune(self, up_to_seq: int, arrived_before_us: int) -> int:
        """Forget the oldest events, as far as both limits allow; return how many.

        With an event goes the memory of its id: sent again, it would be taken again.
        """
        kept = "SELECT seq FROM events WHERE arrived_us >= ? ORDER BY seq LIMIT 1"
        some = "SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?"
        n_pruned = 0
        with self._trouble():
            first_kept = self._one(kept, (arrived_before_us,))
            last = up_to_seq if first_kept is None else min(up_to_seq, first_kept - 1)
            while found := self._patiently(some, (last, PRUNED_AT_ONCE)).fetchall():
                with self._transaction():
                    n_pruned += self._con.execute(
                        "DELETE FROM events WHERE seq <= ?", found[-1]
                    ).rowcount
                time.sleep(TURN_S)
        return n_pruned

    def close(self) -> None:
        """Close it; the last to do so brings the write-ahead log into the file."""
        with self._trouble():
            self._con.close()

    def _one(self, query: str, parameters: tuple[object, ...] = ()) -> Any:  # noqa: ANN401 - SQLite knows
        found = self._patiently(query, parameters).fetchone()
        return found[0] if found else None

    def _patiently(self, statement: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Execute what may have to wait for others; SQLite's own way of it is slow and unfair."""
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return self._con.execute(statement, parameters)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
            self._wait()

    def _wait(self) -> None:
        time.sleep(random.uniform(0.2, 1) * TURN_S)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._patiently("BEGIN IMMEDIATE")
        try:
            yield
            self._con.execute("COMMIT")
        except BaseException:
            if self._con.in_transaction:  # SQLite itself takes back some, as on a full disk
                self._con.execute("ROLLBACK")
            raise

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Let several look-ups see one moment."""
        self._patiently("BEGIN")
        try:
            yield
        finally:
            self._con.execute("COMMIT")

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnavailableError(f"The event log {self.path.name}", str(error)) from error
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the kinds below are faults of a caller
                raise
            raise IntegrityError(
                f"The event log {str(self.path)!r} is damaged: {error}.",
                remedy="Move it away, and a new one begins; what it held and was not yet drained "
                "may be got out with sqlite3's `.recover`.",
            ) from error


@cache
def _insertion(n_rows: int) -> str:
    """Return the statement; only an id that is there makes a row give way, else it fails."""
    row = f"({','.join('?' * len(Event._fields))})"
    rows = ",".join([row] * n_rows)
    return f"INSERT INTO events ({COLUMNS}) VALUES {rows} ON CONFLICT (event_id) DO NOTHING"  # noqa: S608 - ours


def _portions(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Cut events into portions of powers of two, so that few statements are compiled."""
    first, size = 0, MOST_AT_ONCE
    while first < len(events):
        while size > len(events) - first:
            size //= 2
        yield events[first : first + size]
        first += size
