"""Exposures: the lists that were shown, waiting in the file that workers share to be drained.

The workers write them (`recomart.serving.journal`), a stage brings them into the lake
(`recomart.sources.exposures`). Who saw a list stands here only so that it can be forgotten; it
never leaves this file.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from recomart.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SCHEMA = """
CREATE TABLE about (file_id TEXT NOT NULL); -- tells this file from another in its place
INSERT INTO about VALUES (lower(hex(randomblob(16))));
CREATE TABLE exposures (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    recommendation_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    lines TEXT NOT NULL, -- JSON: [[item_id, source, score, confidence], ...]
    experiment TEXT, -- null, as the next three: it was part of none
    variant TEXT,
    unit TEXT,
    propensity REAL
);
CREATE INDEX exposures_who ON exposures (who);
"""
COLUMNS = (
    "recommendation_id, who, at_us, model, version, lines, experiment, variant, unit, propensity"
)
READ = f"SELECT seq, {COLUMNS} FROM exposures WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"  # noqa: S608 - ours
ADD = f"INSERT INTO exposures ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
OF = f"SELECT {COLUMNS} FROM exposures WHERE who = ? ORDER BY seq"  # noqa: S608 - ours
TRIM = "DELETE FROM exposures WHERE seq <= (SELECT max(seq) FROM exposures) - ?"
DROP = "DELETE FROM exposures WHERE who = ? AND at_us <= ?"
PATIENCE_S = 5.0
PRUNED_AT_ONCE = 2_000
TURN_S = 0.005
"""How long a drain stays back between portions, so that workers have their turn."""


class Exposure(NamedTuple):
    """A list as it was shown: to whom (empty: nobody), when, by which model, its lines as JSON.

    experiment, variant, unit, propensity  as in `vocabulary.EXPOSURE_COLUMNS`
    """

    recommendation_id: str
    who: str
    at_us: int
    model: str
    version: str
    lines: str
    experiment: str | None = None
    variant: str | None = None
    unit: str | None = None
    propensity: float | None = None


def beside(events: Path) -> Path:
    """Return the file that workers share, beside the event log."""
    return events.with_name(f"{events.stem}-workers.sqlite")


def add(con: sqlite3.Connection, exposures: Sequence[Exposure], most: int) -> None:
    """Write exposures within a transaction of the caller; the oldest beyond `most` go."""
    con.executemany(ADD, exposures)
    con.execute(TRIM, (most,))


def of(con: sqlite3.Connection, who: str) -> list[Exposure]:
    """Return what was shown to somebody, the oldest first."""
    return [Exposure._make(row) for row in con.execute(OF, (who,))]


class ExposureFile:
    """The file as the drain sees it. Raises StoreUnavailableError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with self._trouble():
            self._con = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=PATIENCE_S
            )
        try:
            with self._trouble():
                self._con.execute("PRAGMA secure_delete = ON")  # what goes is written over
                [(self.file_id,)] = self._con.execute("SELECT file_id FROM about")
        except BaseException:
            self._con.close()
            raise

    def newest_seq(self) -> int:
        """Return the number of the newest exposure ever written; 0 before the first."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'exposures'"
        with self._trouble():
            found = self._con.execute(query).fetchone()
        return int(found[0]) if found else 0

    def read(self, after: int, last: int, limit: int) -> list[tuple[int, Exposure]]:
        """Return the next exposures after a number and up to another, with their own."""
        with self._trouble():
            rows = self._con.execute(READ, (after, last, limit)).fetchall()
        return [(row[0], Exposure._make(row[1:])) for row in rows]

    def prune(self, last: int) -> None:
        """Forget all up to a number, in portions, so that no worker has to wait for long."""
        some = "SELECT seq FROM exposures WHERE seq <= ? ORDER BY seq LIMIT ?"
        with self._trouble():
            while found := self._con.execute(some, (last, PRUNED_AT_ONCE)).fetchall():
                with self._con:
                    self._con.execute("DELETE FROM exposures WHERE seq <= ?", found[-1])
                time.sleep(TURN_S)

    def close(self) -> None:
        """Close it."""
        self._con.close()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailableError(
                f"The file of shown lists {self._name}", str(error)
            ) from error
