"""What visitors did a moment ago: kept in memory, for lists that follow at once."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS_EACH = 100
"""Latest events kept of a visitor."""
MOST_VISITORS = 200_000
"""Visitors kept; the one that was silent longest goes first."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a visitor.

    session_id  under which it is kept as well; empty for none
    """

    item_id: str
    event_type: str
    occurred_us: int
    session_id: str = ""


class Sessions:
    """Latest events by visitor: a user, or an anonymous session. Threads may share it.

    Bounded: `EVENTS_EACH` events of `MOST_VISITORS` visitors.
    """

    def __init__(self, most_visitors: int = MOST_VISITORS) -> None:
        self._most = most_visitors
        self._events: OrderedDict[str, deque[Happened]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, happened: Iterable[tuple[str, Happened]]) -> None:
        """Take up events: (visitor, event), in the order in which they arrived."""
        with self._lock:
            for who, event in happened:
                known = self._events.get(who)
                if known is None:
                    known = self._events[who] = deque(maxlen=EVENTS_EACH)
                known.append(event)
                self._events.move_to_end(who)
            while len(self._events) > self._most:
                self._events.popitem(last=False)

    def of(self, who: str, after_us: int) -> list[Happened]:
        """Return what a visitor did after a moment, the latest last."""
        with self._lock:
            known = list(self._events.get(who, ()))
        found = [event for event in known if event.occurred_us > after_us]
        return sorted(found, key=lambda event: event.occurred_us)

    def forget(self, who: str) -> bool:
        """Forget a visitor, and the sessions of theirs; tell whether anything was known."""
        with self._lock:
            known = self._events.pop(who, None)
            for event in known or ():
                self._events.pop(event.session_id, None)
        return known is not None
