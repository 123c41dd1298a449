"""Taking messages: from the broker to the disk, batch by batch, and only then done.

There is no queue in between: no more is asked for than was brought to the disk, so that what waits
waits at the broker, or in the few megabytes that its library fetches ahead.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from recomart.errors import RecomartError, StoreUnavailableError
from recomart.log import StageLog
from recomart.settings.places import shown
from recomart.stream.brokers import name_of, open_broker
from recomart.stream.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Flag

    from recomart.events import StreamFile
    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin, Broker
    from recomart.stream.metrics import Unmeasured
    from recomart.stream.reading import Batch

WAIT_S = 0.1
"""How long a batch may wait to be full: what an event waits here, at most."""
LOOK_S = 0.5
"""How often to look whether it is paused, and how far behind it is."""
AGAIN_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""How long to wait before the broker, or the disk, is tried again."""
QUIET = 10
"""Polls without a message after which a stream is empty, where it is to end then."""
log = StageLog("ingestion")


class Consumer:
    """Takes one stream into an event log, until told to stop.

    begin    where, for a log that knows no positions; its start, for any
    is_once  end when the broker has no more
    tell     is told, in sentences, what a person would like to see
    """

    def __init__(
        self,
        settings: StreamSettings,
        file: StreamFile,
        metrics: Unmeasured,
        stop: Flag,
        begin: Begin,
        *,
        is_once: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings, self._file = settings, file
        self._metrics, self._stop = metrics, stop
        self._begin, self._is_once, self._tell = begin, is_once, tell
        self._name = name_of(settings)
        self._looked_at, self._is_paused = 0.0, False

    def run(self) -> None:
        """Take what comes. A broker that goes away is waited for; one that was never there is not.

        Raises what a `Broker` raises when it is asked first, and IntegrityError of the event log.
        """
        was_there, n_failed = False, 0
        while not self._stop.is_set():
            if self._paused():
                self._stop.wait(LOOK_S)
                continue
            try:
                with closing(self._open()) as broker:
                    was_there, n_failed = True, 0
                    self._follow(broker)
            except StoreUnavailableError as error:
                if not was_there:
                    raise
                self._wait(error, n_failed)
                n_failed += 1

    def _open(self) -> Broker:
        positions = self._file.positions(self._name) or self._begin.positions
        begin = replace(self._begin, positions=positions, tell_lost=self._tell_lost)
        broker = open_broker(self._settings, begin)
        log.info("stream_connected", stream=self._name, positions=positions)
        self._tell(f"Taking {self._settings.topic!r} from {shown(self._settings.url)}")
        self._metrics.stands(up=1)
        return broker

    def _follow(self, broker: Broker) -> None:
        """Take batches until it is paused or stopped, or the broker goes away."""
        n_quiet = 0
        while not self._stop.is_set() and not self._paused(broker):
            messages = broker.poll(self._settings.batch, WAIT_S)
            if messages:
                n_quiet = 0
                now_us = time.time_ns() // 1_000
                if self._take(read(messages, now_us, self._settings.max_message_bytes)):
                    broker.done()
                    self._begin = replace(self._begin, start="kept")
            else:
                n_quiet += 1
                if self._is_once and n_quiet == QUIET:
                    self._stop.set()

    def _take(self, batch: Batch) -> bool:
        """Bring a batch to the disk, however often that fails; False: it was stopped before."""
        n_failed = 0
        while not self._stop.is_set():
            began = time.perf_counter()
            try:
                taken = self._file.take(self._name, *batch)
            except StoreUnavailableError as error:
                self._wait(error, n_failed)
                n_failed += 1
                continue
            self._metrics.took(taken, time.perf_counter() - began)
            if taken.refused:
                log.warning(
                    "messages_refused", stream=self._name, n=taken.refused,
                    first=batch.refused[0].place, reason=batch.refused[0].reason,
                )  # fmt: skip
            self._file.tend()
            return True
        return False

    def _paused(self, broker: Broker | None = None) -> bool:
        """Tell whether somebody paused it; asked often, it looks from time to time."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return self._is_paused
        self._looked_at = time.monotonic()
        was, self._is_paused = self._is_paused, self._file.is_paused(self._name)
        if was != self._is_paused:
            log.info("stream_paused" if self._is_paused else "stream_resumed", stream=self._name)
            self._tell("Paused; `recomart stream resume` ends it" if self._is_paused else "Resumed")
        lag = {} if broker is None else {"lag": broker.lag()}
        self._metrics.stands(paused=self._is_paused, **lag)
        return self._is_paused

    def _wait(self, error: RecomartError, n_failed: int) -> None:
        self._metrics.stands(up=0)
        log.error("stream_held_up", stream=self._name, code=error.code, cause=error.cause)
        if not n_failed:
            self._tell(f"{error.cause} It is tried again.")
        self._stop.wait(AGAIN_S[min(n_failed, len(AGAIN_S) - 1)])

    def _tell_lost(self, partition: str, n: int) -> None:
        self._metrics.lost(n)
        log.error("messages_lost", stream=self._name, partition=partition, n=n)
        self._tell(f"{n:,} messages of partition {partition!r} were gone before they were taken")
