"""Taking events: this worker's own at once, the other workers' from the event log."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING

from recomart.errors import RecomartError, StoreUnavailableError
from recomart.events import EventFile, EventLog, Tail
from recomart.log import StageLog, for_this_shop
from recomart.serving.forgotten import Forgotten
from recomart.serving.sessions import Happened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from recomart.events import Event, Groups
    from recomart.events.file import Outcome
    from recomart.settings import Loaded

    Note = Callable[[RecomartError | None], None]
    Taking = Callable[[Loaded, Note], Groups]
    """Opens what takes a service's events; `Note` is told how that is, where it hears of it."""
    Observe = Callable[[list[tuple[str, Happened]]], None]

POLL_S = 0.01
"""How often to look for what other workers took: waking up costs more than the look."""
AGAIN_S = 2.0
"""How long after a failure to try to open the log again."""
LOOK_BACK = 200_000
"""Events that a worker reads again when it starts."""
REMEMBERED = 100_000
"""Ids of the latest events observed: each is observed once, whichever way it comes first."""
log = StageLog("serving")


def to_log(loaded: Loaded, _note: Note) -> Groups:
    """Let a service write its events to the event log."""
    return EventLog(loaded.path(loaded.settings.serving.events))


class Intake:
    """Where events come in at one worker. While they cannot, everything else goes on.

    path      the event log, which is followed
    open_log  opens what takes the worker's own events: that log, or a broker on the way to it
    observe   is told of every event once, the worker's own ones as soon as they are safe
    told_lag  is told how long ago an event arrived when this worker first saw it
    drop      lets go of what a visitor did; tells whether anything was known
    """

    def __init__(
        self,
        path: Path,
        open_log: Callable[[Note], Groups],
        observe: Observe,
        told_lag: Callable[[float], None] = lambda _: None,
        drop: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.path = path
        self.trouble: str | None = None
        self._open_log = open_log
        self._observe = observe
        self._told_lag = told_lag
        self._drop = drop
        self._forgotten = Forgotten()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()
        self._log: Groups | None = None
        self._failed_at = -AGAIN_S
        self._stop, self.is_caught_up = Flag(), Flag()
        self._thread = Thread(target=for_this_shop(self._follow), name="event-tail", daemon=True)

    def start(self) -> None:
        """Open the log, and begin to follow what all workers take."""
        self._opened()
        self._thread.start()

    def append(self, events: Sequence[Event]) -> Future[list[Outcome]]:
        """Take a request's events. Raises UnavailableError."""
        opened = self._opened()
        if opened is None:
            raise StoreUnavailableError("The event log", self.trouble or "it is not open")
        return opened.append(events)

    def observe(self, events: Sequence[Event]) -> None:
        """Tell of events that are safe, those told before aside."""
        with self._lock:
            new = [event for event in events if self._is_new(event)]
            for event in new:
                self._known[event.event_id] = None
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            # under the lock, so that a visitor's events stay in their order
            self._observe([pair for event in new for pair in _happened(event)])

    def forget(self, names: Collection[str], at_us: int) -> bool:
        """Let go of what some did until a moment, also of what is still on its way.

        Tell whether anything was known.
        """
        with self._lock:
            # heard twice, it must not take what came since
            new = [who for who in names if not self._forgotten.covers(who, at_us)]
            self._forgotten.note(new, at_us)
            return sum(map(self._drop, new)) > 0

    def _is_new(self, event: Event) -> bool:
        is_forgotten = self._forgotten.covers(event.user_id, event.arrived_us)
        return event.event_id not in self._known and not is_forgotten

    @property
    def n_waiting(self) -> int:
        """Events on their way to the disk, or to the broker."""
        return self._log.n_waiting if self._log else 0

    @property
    def is_open(self) -> bool:
        """Whether events can be taken."""
        return self._log is not None

    def note(self, error: RecomartError | None) -> None:
        """Remember what the log said of late, for whoever asks how it is."""
        self.trouble = error.cause if error else None

    def close(self) -> None:
        """Take no more, and write what waits."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._log:
            self._log.close()

    def _opened(self) -> Groups | None:
        with self._lock:
            if self._log is None and time.monotonic() - self._failed_at >= AGAIN_S:
                try:
                    self._log = self._open_log(self.note)
                    self.trouble = None
                except RecomartError as error:
                    self._failed_at = time.monotonic()
                    self.note(error)
                    log.error("event_log_not_opened", code=error.code, cause=error.cause)
            return self._log

    def _follow(self) -> None:
        """Be the thread: read what the log held, then whatever comes."""
        while not self._stop.is_set():
            try:
                tail = Tail(self.path, max(0, _newest(self.path) - LOOK_BACK))
            except RecomartError:
                self.is_caught_up.set()  # there is nothing to wait for
                self._stop.wait(AGAIN_S)
                continue
            try:
                self._follow_one(tail)
            except RecomartError as error:
                log.warning("event_tail_lost", code=error.code, cause=error.cause)
                self._stop.wait(AGAIN_S)
            finally:
                tail.close()

    def _follow_one(self, tail: Tail) -> None:
        while not self._stop.is_set():
            events = tail.poll()
            if events:
                self.observe(events)
                if self.is_caught_up.is_set():
                    self._told_lag(time.time() - events[0].arrived_us / 1e6)
            else:
                self.is_caught_up.set()
                time.sleep(POLL_S)  # a flag's wait costs a third more


def _newest(path: Path) -> int:
    file = EventFile(path)
    try:
        return file.newest_seq()
    finally:
        file.close()


def _happened(event: Event) -> list[tuple[str, Happened]]:
    """Tell of an event under the names that a list may be asked for: user and session."""
    session_id = event.session_id or ""
    what = Happened(event.item_id, event.event_type, event.occurred_us, session_id)
    names = {event.user_id, session_id or event.user_id}
    return [(who, what) for who in names]
