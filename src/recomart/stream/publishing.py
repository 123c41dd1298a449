"""Publishing what the API accepts: to the topic that `recomart stream` takes events from.

From there they go into the event log like anybody's, and are known by their ids. An event is
acknowledged to whoever sent it once the broker has acknowledged it.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from recomart.errors import RecomartError, StoreUnavailableError, UnavailableError
from recomart.events import Groups
from recomart.log import StageLog
from recomart.settings.places import shown
from recomart.stream.brokers import open_producer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from recomart.events import Event
    from recomart.events.file import Outcome
    from recomart.serving.intake import Note
    from recomart.settings import Loaded, StreamSettings
    from recomart.stream.base import Producer

AGAIN_S = 1.0
"""How long after a failure the broker is tried again."""
STEPS = 5
"""Steps for which a request's time must do: one that fails, connecting, the same once more, and
what may be left of another's before it."""
log = StageLog("serving")


def to_broker(loaded: Loaded, note: Note) -> Groups:
    """Let a service publish its events; `note` is told what is wrong, or that nothing is."""
    settings = loaded.settings
    return Publisher(Topic(settings.stream, settings.serving.timeout_s / STEPS, note))


class Publisher(Groups):
    """Takes events into a topic; what it acknowledges the broker has acknowledged.

    While the broker is away, nobody waits for it.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        super().__init__(topic)

    def append(self, events: Sequence[Event]) -> Future[list[Outcome]]:
        """See `Groups`; raises UnavailableError, too. All are ``accepted``: ids are the log's."""
        if self._topic.trouble is not None:
            raise self._topic.trouble.with_traceback(None)  # else it would grow
        return super().append(events)


class Topic:
    """Where groups of events are published. See `Place`.

    trouble  why the broker is away, as of the last attempt
    """

    def __init__(
        self,
        settings: StreamSettings,
        patience_s: float,
        note: Note,
    ) -> None:
        self.trouble: UnavailableError | None = None
        self._settings, self._patience_s, self._note = settings, patience_s, note
        self._producer: Producer | None = None
        self._failed_at = -AGAIN_S

    def add(self, events: Sequence[Event]) -> list[Outcome]:
        """See `Place`. A connection that was lost is made anew, once."""
        if self._producer is None:
            raise self.trouble or StoreUnavailableError("The broker", "not connected")
        messages = [(event.user_id, message_of(event)) for event in events]
        with self._noting():
            try:
                self._producer.publish(messages)
            except StoreUnavailableError:
                self.close()
                self._connected().publish(messages)
        return ["accepted"] * len(events)

    def tend(self) -> None:
        """See `Place`: connect where there is no connection."""
        if self._producer is None and time.monotonic() - self._failed_at >= AGAIN_S:
            with suppress(UnavailableError), self._noting():
                self._connected()

    def _connected(self) -> Producer:
        self._producer = open_producer(self._settings, self._patience_s)
        log.info("publishing", place=shown(self._settings.url), topic=self._settings.topic)
        self.trouble = None
        self._note(None)
        return self._producer

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what goes wrong, and let go of the connection."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - what a library slips on must not end the thread
            self.close()
            self._failed_at = time.monotonic()
            trouble = _as_trouble(error)
            if self.trouble is None or self.trouble.cause != trouble.cause:
                log.error("events_not_published", code=trouble.code, cause=trouble.cause)
            self.trouble = trouble
            self._note(trouble)
            raise trouble from None

    def close(self) -> None:
        """See `Place`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):  # it may be gone already
                producer.close()


def _as_trouble(error: Exception) -> UnavailableError:
    """Return what is told of an error: it is the broker's or the settings', never the caller's."""
    if isinstance(error, UnavailableError):
        return error
    if isinstance(error, RecomartError):
        return UnavailableError(error.cause, remedy=error.remedy)
    return StoreUnavailableError("The broker", type(error).__name__)  # its words may hold a secret


def message_of(event: Event) -> bytes:
    """Return an event as the message that `recomart stream` reads the same event from."""
    told = {name: value for name, value in event._asdict().items() if value is not None}
    told["timestamp"] = told.pop("occurred_us")
    del told["arrived_us"]  # it arrives when it is taken
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
