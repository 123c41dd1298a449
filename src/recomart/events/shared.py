"""A small file that the workers of one service share: their latest answers, and whom to forget.

It outlives a worker that is killed, not the machine: nothing waits for the disk, and where it is
damaged it begins anew. Only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from recomart.errors import BadInputError, StoreUnavailableError
from recomart.events import exposures as shown
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from recomart.events.exposures import Exposure

VERSION = 3
"""Of the tables below; a file of another begins anew."""
OURS = 0x524D4177
"""SQLite's application_id of such a file: RMAw."""
SCHEMA = f"""
PRAGMA journal_mode = WAL;
CREATE TABLE answers (
    seq INTEGER PRIMARY KEY,
    recommendation_id TEXT NOT NULL UNIQUE,
    who TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    body BLOB NOT NULL -- JSON
);
CREATE INDEX answers_who ON answers (who);
CREATE TABLE forgotten (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    who TEXT NOT NULL,
    at_us INTEGER NOT NULL
);
{shown.SCHEMA}
PRAGMA application_id = {OURS};
PRAGMA user_version = {VERSION};
"""
ROWS_AT_ONCE = 64
"""Of one INSERT: each statement hands Python's lock over, and has to wait for it to come back."""
PATIENCE_S = 2.0
FORGOTTEN_US = 3_600 * SECOND_US
"""So long it is told whom to forget: any worker hears of it long before."""
HEADER_BYTES, ID_BYTES = 100, slice(68, 72)
ENDS = ("", "-wal", "-shm")
WORD = "The file that workers share"


class Stored(NamedTuple):
    """An answer as a row: who asked (empty: nobody), when, and all of it as JSON."""

    recommendation_id: str
    who: str
    at_us: int
    body: bytes


class Forgetting(NamedTuple):
    """Somebody who is to be forgotten: all that came until then."""

    seq: int
    who: str
    at_us: int


class SharedFile:
    """An open file, for one thread at a time.

    most  answers kept, of all workers together

    Raises StoreUnavailableError where it cannot be reached, written or is locked for too long;
    BadInputError where it is another program's.
    """

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self._most = most
        with self._trouble():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _create(path)
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, full: it is not damaged
                    raise
                self._hold_to_ours()
                self._begin_anew()

    def add(self, answers: Sequence[Stored]) -> None:
        """Keep answers; the oldest beyond `most` go."""
        with self._trouble(), self._con:
            for start in range(0, len(answers), ROWS_AT_ONCE):
                rows = answers[start : start + ROWS_AT_ONCE]
                values = [value for row in rows for value in row]
                self._con.execute(_insertion(len(rows)), values)
            self._con.execute(
                "DELETE FROM answers WHERE seq <= (SELECT max(seq) FROM answers) - ?", (self._most,)
            )
            self._forget_forgetting()

    def show(self, exposures: Sequence[Exposure], most: int) -> None:
        """Keep lists that were shown until they are drained; the oldest beyond `most` go."""
        with self._trouble(), self._con:
            shown.add(self._con, exposures, most)

    def shown_to(self, who: str) -> list[Exposure]:
        """Return the lists that were shown to somebody and wait to be drained, the oldest first."""
        with self._trouble():
            return shown.of(self._con, who)

    def get(self, recommendation_id: str) -> bytes | None:
        """Return an answer, None for one that is not kept."""
        query = "SELECT body FROM answers WHERE recommendation_id = ?"
        with self._trouble():
            found = self._con.execute(query, (recommendation_id,)).fetchone()
        return found[0] if found else None

    def of(self, who: str) -> list[bytes]:
        """Return the answers to somebody, the oldest first."""
        query = "SELECT body FROM answers WHERE who = ? ORDER BY seq"
        with self._trouble():
            return [body for (body,) in self._con.execute(query, (who,))]

    def forget(self, names: Collection[str], at_us: int) -> int:
        """Drop the answers to some, tell all workers to forget them; return how many answers."""
        with self._trouble():
            with self._con:
                n = self._drop(names, at_us)
                told = [(who, at_us) for who in names]
                self._con.executemany("INSERT INTO forgotten (who, at_us) VALUES (?, ?)", told)
                self._forget_forgetting()
            self._con.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # their bytes go there, too
        return n

    def tell_no_more(self, names: Collection[str]) -> None:
        """Take names off the list of whom to forget: all workers have heard of them."""
        with self._trouble():
            with self._con:
                gone = [(who,) for who in names]
                self._con.executemany("DELETE FROM forgotten WHERE who = ?", gone)
            from recomart.lake.vacuum import vacuum  # the lake's room is a heavy one

            vacuum(self.path, PATIENCE_S)

    def drop(self, names: Collection[str], at_us: int) -> int:
        """Drop the answers to some until a moment; return how many."""
        with self._trouble(), self._con:
            return self._drop(names, at_us)

    def forgotten_after(self, seq: int) -> list[Forgetting]:
        """Return who else is to be forgotten."""
        query = "SELECT seq, who, at_us FROM forgotten WHERE seq > ? ORDER BY seq"
        with self._trouble():
            return [Forgetting(*row) for row in self._con.execute(query, (seq,))]

    def is_current(self) -> bool:
        """Tell whether it is still the file of that name: another worker may have begun anew."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def close(self) -> None:
        """Close it."""
        self._con.close()

    def _open(self) -> None:
        self._con = sqlite3.connect(self.path, timeout=PATIENCE_S, check_same_thread=False)
        try:
            self._hold_to_version()
            self._con.execute("PRAGMA synchronous = OFF")
            self._con.execute("PRAGMA secure_delete = ON")  # what is forgotten is written over
        except BaseException:
            self._con.close()
            raise
        found = self.path.stat()
        self._identity = found.st_dev, found.st_ino

    def _hold_to_version(self) -> None:
        if self._con.execute("PRAGMA application_id").fetchone()[0] not in (0, OURS):
            raise self._of_another()
        if self._con.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            raise sqlite3.DatabaseError("it is of another version")

    def _begin_anew(self) -> None:
        for end in ENDS:
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        _create(self.path)
        self._open()

    def _hold_to_ours(self) -> None:
        """Hold what SQLite cannot read to our mark, before it makes room for a new one.

        Only such a file: to open and close one that SQLite has open takes SQLite's locks away, and
        another process that comes and goes would then delete its write-ahead log.
        """
        with self.path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        if header and int.from_bytes(header[ID_BYTES], "big") not in (0, OURS):
            raise self._of_another()

    def _of_another(self) -> BadInputError:
        return BadInputError(
            f"{self.path.name!r} is another program's file.",
            remedy="Move it away, or let `serving.events` name a file in another folder.",
        )

    def _drop(self, names: Collection[str], at_us: int) -> int:
        delete = "DELETE FROM answers WHERE who = ? AND at_us <= ?"
        them = [(who, at_us) for who in names]
        self._con.executemany(shown.DROP, them)
        return sum(self._con.execute(delete, one).rowcount for one in them)

    def _forget_forgetting(self) -> None:
        now_us = time.time_ns() // 1_000
        self._con.execute("DELETE FROM forgotten WHERE at_us < ?", (now_us - FORGOTTEN_US,))

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(WORD, str(error)) from error


def _insertion(n_rows: int) -> str:
    row = ",".join(["(?,?,?,?)"] * n_rows)
    return f"INSERT OR REPLACE INTO answers (recommendation_id, who, at_us, body) VALUES {row}"  # noqa: S608 - ours


def _create(path: Path) -> None:
    """Make an empty one, whole before anybody sees it; whoever comes second takes the first's."""
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(aside)) as con:
            con.executescript(SCHEMA)
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
