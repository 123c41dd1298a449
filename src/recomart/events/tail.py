"""Following the event log: what all processes have taken, for whoever keeps state of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.events.file import PATIENCE_S, EventFile

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.events.record import Event

MOST_AT_ONCE = 1_000


class Tail:
    """Gives every event once, in the order they were taken; for one thread.

    `seq` is the number of the last event given. Start with that of an earlier tail, or with None
    to hear of what comes from now on. Raises what `EventFile` raises.
    """

    def __init__(
        self, path: Path, after_seq: int | None = None, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._file = EventFile(path, patience_s)
        self.seq = self._file.newest_seq() if after_seq is None else after_seq
        self._seen = -1
        """State of the file in which there was nothing more to give."""

    def poll(self) -> list[Event]:
        """Return what is new, at most `MOST_AT_ONCE`; a few microseconds where nothing is."""
        state = self._file.state()
        if state == self._seen:
            return []
        found = self._file.read_after(self.seq, MOST_AT_ONCE)
        if found:
            self.seq = found[-1][0]
        if len(found) < MOST_AT_ONCE:
            self._seen = state
        return [event for _, event in found]

    def close(self) -> None:
        """Close its view of the file."""
        self._file.close()
