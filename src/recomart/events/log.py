"""Taking events in a process: many callers, one writer, groups that are written together."""

from __future__ import annotations

import sys
import time
from collections import deque
from concurrent.futures import Future
from itertools import islice
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple, Protocol

from recomart.errors import BadInputError, EventLogFullError, RecomartError, UnavailableError
from recomart.events.file import PATIENCE_S, EventFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from typing_extensions import Self

    from recomart.events.file import Outcome
    from recomart.events.record import Event

MOST_EVENTS = 50_000
MOST_BYTES = 64 << 20
GROUP = 4_000
"""Events of one commit, give or take a request."""
IDLE_S = 1.0
"""How often a place is tended where nothing comes."""


class _Request(NamedTuple):
    events: Sequence[Event]
    n_bytes: int
    answer: Future[list[Outcome]]


class Place(Protocol):
    """Where groups of events go; only the writer's thread touches it."""

    def add(self, events: Sequence[Event]) -> list[Outcome]:
        """Keep events; on return they are safe. Raises RecomartError: any may be kept or not."""

    def tend(self) -> None:
        """Do what is to be done between two groups, and now and then where nothing comes."""

    def close(self) -> None:
        """Let go of it."""


class Groups:
    """Takes events from many threads and brings them to one place; none is acknowledged before.

    While a group of events is on its way, the next one gathers: the more callers, the larger the
    groups. It has a thread, so make it after a fork, never before.
    """

    def __init__(
        self, place: Place, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._most_events, self._most_bytes = most_events, most_bytes
        self._place = place
        self._waiting: deque[_Request] = deque()
        self._n_events = self._n_bytes = 0  # waiting or being written
        self._per_s = 2_000.0  # as long as nothing is known
        self._is_closed = False
        self._changed = Condition()
        self._writer = Thread(target=self._write, name="event-log", daemon=True)
        self._writer.start()

    def append(self, events: Sequence[Event]) -> Future[list[Outcome]]:
        """Take a request's events, all or none; the answer comes once they are safe.

        It says of each whether it is ``accepted`` or a ``duplicate``: an event of this id was taken
        before. Where it fails, none was taken, or cannot be known to have been: sending the same
        again is always right. Raises EventLogFullError where too many wait, BadInputError where the
        request alone is too large.
        """
        n, n_bytes = len(events), sum(sum(map(sys.getsizeof, event)) for event in events)
        if n > self._most_events or n_bytes > self._most_bytes:
            raise BadInputError(
                f"{n:,} events are more than can be taken at once.",
                remedy=f"Send at most {self._most_events:,} in one request.",
            )
        answer: Future[list[Outcome]] = Future()
        with self._changed:
            if self._is_closed or not self._writer.is_alive():
                raise UnavailableError(
                    "The event log is closed here.",
                    remedy="Open it in this process, and after a fork.",
                )
            if self._n_events + n > self._most_events or self._n_bytes + n_bytes > self._most_bytes:
                raise EventLogFullError(self._n_events, self._wait_s())
            self._n_events += n
            self._n_bytes += n_bytes
            self._waiting.append(_Request(events, n_bytes, answer))
            self._changed.notify()
        return answer

    @property
    def n_waiting(self) -> int:
        """Events that are not yet safe."""
        return self._n_events

    def close(self) -> None:
        """Take no more, write what waits, answer, and close the place."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._writer.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_s(self) -> float:
        """Return how long the events that wait will take at the speed of late, 1 s at least."""
        return max(1.0, min(60.0, self._n_events / self._per_s))

    def _write(self) -> None:
        """Be the writer."""
        self._place.tend()
        while (group := self._next_group()) is not None:
            began = time.perf_counter()
            self._commit(group)
            with self._changed:
                n = self._forget(group)
                if n:
                    self._per_s = n / (time.perf_counter() - began)
            self._place.tend()
        self._place.close()

    def _next_group(self) -> list[_Request] | None:
        """Wait a while for requests and take as many as make a group; None: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, IDLE_S)
            group = self._take()
            return group if group or not self._is_closed else None

    def _take(self) -> list[_Request]:
        group: list[_Request] = []
        n = 0
        while self._waiting and n < GROUP:
            request = self._waiting.popleft()
            if request.answer.set_running_or_notify_cancel():
                group.append(request)
                n += len(request.events)
            else:  # who asked has gone
                self._forget([request])
        return group

    def _forget(self, requests: Sequence[_Request]) -> int:
        """Let requests go from what counts as waiting; return their events."""
        n = sum(len(request.events) for request in requests)
        self._n_events -= n
        self._n_bytes -= sum(request.n_bytes for request in requests)
        return n

    def _commit(self, group: Sequence[_Request]) -> None:
        """Write a group at once and answer each request; whatever fails is an answer."""
        if not group:
            return
        try:
            outcomes = self._place.add([event for request in group for event in request.events])
        except RecomartError as error:
            for request in group:
                request.answer.set_exception(error)
        except Exception as error:  # noqa: BLE001 - a request holds what no place can: find which
            if len(group) == 1:
                group[0].answer.set_exception(error)
            for request in group if len(group) > 1 else ():
                self._commit([request])
        else:
            rest = iter(outcomes)
            for request in group:
                request.answer.set_result(list(islice(rest, len(request.events))))


class EventLog(Groups):
    """Takes events into a file; what it acknowledges has been fsynced.

    Several processes may have the same file open. Raises what `EventFile` raises.
    """

    def __init__(
        self,
        path: Path,
        *,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
        patience_s: float = PATIENCE_S,
    ) -> None:
        place = EventFile(path, patience_s)
        super().__init__(place, most_events=most_events, most_bytes=most_bytes)
