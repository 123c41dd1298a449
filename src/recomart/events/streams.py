"""The event log as a stream needs it: events, what was refused, and how far it came, at once.

How far a stream has come stands in the same transaction as the events that brought it there. So
after a crash it goes on from there, and has taken each message of a broker once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from recomart.events.file import EventFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from recomart.events.record import Event

TABLES = (
    """CREATE TABLE IF NOT EXISTS stream_refused (
    seq INTEGER PRIMARY KEY, -- of the same row of numbers as the events
    stream TEXT NOT NULL,
    place TEXT NOT NULL,
    arrived_us INTEGER NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    UNIQUE (stream, place)
)""",
    """CREATE TABLE IF NOT EXISTS stream_positions (
    stream TEXT NOT NULL,
    partition TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (stream, partition)
) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS stream_paused (stream TEXT PRIMARY KEY) WITHOUT ROWID",
)


CUT = "bytes, and at most"
"""Stands in the reason of a message of which only the beginning is kept, and of no other."""


class Refused(NamedTuple):
    """A message that is no event.

    place    where it stands, such as 0@123: partition and position; none is refused twice
    reason   why
    message  its text, or the beginning of it
    """

    place: str
    arrived_us: int
    reason: str
    message: str


class Taken(NamedTuple):
    """What became of messages; metrics go by these names."""

    accepted: int
    duplicate: int
    refused: int


class Reach(NamedTuple):
    """How far a log has come: its newest number, and the positions of streams by partition."""

    last_seq: int
    positions: dict[str, dict[str, str]]


class StreamFile(EventFile):
    """See `EventFile`; a file of one that never met a stream is given the further tables."""

    def _prepare(self) -> None:
        super()._prepare()
        names = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'stream_%'"
        if self._one(names) != len(TABLES):
            with self._transaction():
                for table in TABLES:
                    self._con.execute(table)

    def take(
        self,
        stream: str,
        events: Sequence[Event],
        refused: Sequence[Refused],
        positions: Mapping[str, str],
    ) -> Taken:
        """Write what a stream gave, and that it came so far, in one transaction."""
        with self._trouble(), self._transaction():
            outcomes = self._added(events)
            n_refused = self._refuse(stream, refused) if refused else 0
            self._con.executemany(
                "INSERT OR REPLACE INTO stream_positions VALUES (?, ?, ?)",
                [(stream, *position) for position in positions.items()],
            )
        accepted = outcomes.count("accepted")
        n_again = len(events) - accepted + len(refused) - n_refused
        return Taken(accepted, n_again, n_refused)

    def _refuse(self, stream: str, refused: Sequence[Refused]) -> int:
        before = last = self._newest_seq()
        for one in refused:
            last += self._con.execute(
                "INSERT OR IGNORE INTO stream_refused VALUES (?, ?, ?, ?, ?, ?)",
                (last + 1, stream, *one),
            ).rowcount
        moved = "UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'"
        if not self._con.execute(moved, (last,)).rowcount:
            self._con.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (last,))
        self._newest = last
        return last - before

    def positions(self, stream: str) -> dict[str, str]:
        """Return how far a stream came, by partition; empty where it never began."""
        return self.reach().positions.get(stream, {})

    def reach(self) -> Reach:
        """Return how far the log has come, as of one moment."""
        found: dict[str, dict[str, str]] = {}
        with self._trouble(), self._snapshot():
            last_seq = self._newest_seq()
            rows = self._patiently("SELECT * FROM stream_positions ORDER BY stream, partition")
            for stream, partition, position in rows:
                found.setdefault(stream, {})[partition] = position
        return Reach(last_seq, found)

    def refused_between(self, after_seq: int, last_seq: int) -> list[tuple[str, Refused]]:
        """Return what was refused between two numbers, the latter included, with its stream."""
        query = "SELECT * FROM stream_refused WHERE seq > ? AND seq <= ? ORDER BY seq"
        with self._trouble():
            rows = self._patiently(query, (after_seq, last_seq)).fetchall()
        return [(row[1], Refused(*row[2:])) for row in rows]

    def messages_of(self, is_theirs: Callable[[Refused], bool]) -> list[Refused]:
        """Return the refused messages of somebody. Reads all of them."""
        return [message for _, message in self._theirs(is_theirs)]

    def forget_messages(self, is_theirs: Callable[[Refused], bool]) -> int:
        """Forget the refused messages of somebody; return how many."""
        seqs = [(seq,) for seq, _ in self._theirs(is_theirs)]
        with self._trouble():
            self._con.execute("PRAGMA secure_delete = ON")  # their bytes are written over
        with self._trouble(), self._transaction():
            delete = "DELETE FROM stream_refused WHERE seq = ?"
            return self._con.executemany(delete, seqs).rowcount if seqs else 0

    def _theirs(self, is_theirs: Callable[[Refused], bool]) -> list[tuple[int, Refused]]:
        query = f"SELECT seq, {', '.join(Refused._fields)} FROM stream_refused ORDER BY seq"  # noqa: S608 - ours
        with self._trouble():
            rows = ((row[0], Refused(*row[1:])) for row in self._patiently(query))
            return [(seq, message) for seq, message in rows if is_theirs(message)]

    def is_paused(self, stream: str) -> bool:
        """Tell whether somebody paused a stream."""
        with self._trouble():
            query = "SELECT count(*) FROM stream_paused WHERE stream = ?"
            return bool(self._one(query, (stream,)))

    def pause(self, stream: str, *, is_paused: bool) -> None:
        """Pause a stream, until it is resumed; whoever takes from it sees that within a second."""
        change = (
            "INSERT OR IGNORE INTO stream_paused VALUES (?)"
            if is_paused
            else "DELETE FROM stream_paused WHERE stream = ?"
        )
        with self._trouble(), self._transaction():
            self._con.execute(change, (stream,))

    def prune(self, up_to_seq: int, arrived_before_us: int) -> int:
        """See `EventFile`; what was refused is forgotten by the same limits."""
        n_pruned = super().prune(up_to_seq, arrived_before_us)
        old = "DELETE FROM stream_refused WHERE seq <= ? AND arrived_us < ?"
        with self._trouble(), self._transaction():
            return n_pruned + self._con.execute(old, (up_to_seq, arrived_before_us)).rowcount
