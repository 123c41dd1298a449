"""Draining the event log: what it took since the last time, as a file of the raw layer.

How far the lake has come stands in the lake, with the file that brought it there: a drain that is
killed has happened, or it has not. With it stands how far the log had come with each stream, and
messages that were no events lie beside it in a file of their own. The log forgets events only once
they are in the lake.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from recomart.events import Event, Refused, StreamFile
from recomart.events.streams import Reach
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic import JsonValue

    from recomart.lake import FileEntry

ROWS = 10_000
"""Events read and written at a time."""
HEADER = tuple(
    {"occurred_us": "occurred_at", "arrived_us": "arrived_at"}.get(name, name)
    for name in Event._fields
)
REFUSED = "refused"
REFUSED_HEADER = (
    "stream",
    *("arrived_at" if name == "arrived_us" else name for name in Refused._fields),
)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, as is written behind it


class Drain:
    """What an event log holds that the files taken so far do not; a log not yet begun is empty.

    Raises what `EventFile` raises.
    """

    def __init__(self, path: Path, taken: Iterable[FileEntry]) -> None:
        self._file = StreamFile(path) if path.exists() else None
        log_id = self._file.log_id if self._file else ""
        # another log in the same place counts anew
        theirs = (e.details["last_seq"] for e in taken if e.details.get("log_id") == log_id)
        self.after_seq = max((int(str(seq)) for seq in theirs), default=0)
        reach = self._file.reach() if self._file else Reach(0, {})
        self.last_seq = reach.last_seq
        self.details: dict[str, JsonValue] = {"log_id": log_id, "last_seq": self.last_seq}
        self.positions: dict[str, JsonValue] = {s: {**p} for s, p in reach.positions.items()}

    @property
    def name(self) -> str:
        """What the file is called: by the number of its last event."""
        return f"events-{self.last_seq:012d}.csv"

    def blocks(self) -> Iterator[bytes]:
        """Yield the file's bytes, which depend on its events alone."""
        yield _csv([HEADER])
        seq = self.after_seq
        while self._file and seq < self.last_seq:
            rows = self._file.read_after(seq, min(ROWS, self.last_seq - seq))
            rows = [(number, event) for number, event in rows if number <= self.last_seq]
            if not rows:
                return
            seq = rows[-1][0]
            yield _csv(_as_row(event) for _, event in rows)

    @property
    def has_events(self) -> bool:
        """Whether there are events among what is new; the rest was refused."""
        new = self._file.read_after(self.after_seq, 1) if self._file else []
        return bool(new) and new[0][0] <= self.last_seq

    def refused(self) -> list[tuple[str, Refused]]:
        """Return the messages of streams that were refused since, each with its stream."""
        return self._file.refused_between(self.after_seq, self.last_seq) if self._file else []

    def forget(self, arrived_before_us: int) -> None:
        """Let the log forget what was taken, committed and is old enough."""
        if self._file:
            self._file.prune(self.last_seq, arrived_before_us)

    def close(self) -> None:
        """Close the log."""
        if self._file:
            self._file.close()


def refused_name(name: str) -> str:
    """Return what a file of refused messages is called, beside one of events."""
    return name.replace("events", REFUSED, 1)


def refused_csv(refused: Iterable[tuple[str, Refused]]) -> bytes:
    """Return the file of what was refused."""
    rows = ((stream, one.place, _written(one.arrived_us), *one[2:]) for stream, one in refused)
    return _csv([REFUSED_HEADER, *rows])


def _as_row(event: Event) -> tuple[object, ...]:
    occurred, arrived = _written(event.occurred_us), _written(event.arrived_us)
    return (*event[:4], occurred, arrived, *event[6:])


def _written(at_us: int) -> str:
    second, us = divmod(at_us, SECOND_US)
    return f"{_second(second)}.{us:06}+00:00" if us else f"{_second(second)}+00:00"


@lru_cache(maxsize=65_536)
def _second(since_epoch: int) -> str:
    """Write a second; events stand close together, and a date takes most of the time of a row."""
    return (EPOCH + timedelta(seconds=since_epoch)).isoformat()


def _csv(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
