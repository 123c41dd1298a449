"""Connections: how long they may say nothing, and how many there may be. Over uvicorn's own.

uvicorn waits for ever for the head of a request, and for whoever does not read an answer; it takes
heads of any length. What has its request in work has the limits of `serving.limits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recomart.errors import RequestError
from recomart.serving.problems import Problem

if TYPE_CHECKING:
    import asyncio

    from recomart.settings import ServingSettings

MOST_HEAD = 64 << 10
"""Bytes of a head, or of what else comes with a body, give or take one read."""
PARTING_S = 0.5
"""What is on its way when the server is stopped has so long to arrive."""
KEEP_ALIVE_S = 5
"""How long a connection may be idle between two requests."""


class ConnectionConfig(uvicorn.Config):
    """uvicorn's configuration, with our connections and their limits."""

    def __init__(self, app: Any, settings: ServingSettings, **options: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        super().__init__(app, http=Connection, timeout_keep_alive=KEEP_ALIVE_S, **options)
        self.head_s = settings.header_timeout_s
        self.answer_s = settings.timeout_s
        self.patience_s = min(self.head_s, self.answer_s)
        self.most = settings.max_connections
        self.is_parting = False
        self.strangers: dict[Connection, None] = {}
        """Connections that have not sent a whole head yet, the longest waiting first."""


class Connection(HttpToolsProtocol):
    """One connection. It is looked at again and again, not timed at each request: that is cheaper.

    It is cut off when it owes something for too long: a head from its first byte (or from its
    beginning) on, the reading of an answer that is more than the system keeps.
    """

    config: ConnectionConfig

    _owes_head_since: float | None = None
    _owes_reading_since: float | None = None
    _is_at_work = False
    _is_idle = False
    _has_head = False
    _n_unread = 0
    """Bytes since the last that meant something."""
    _looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it; where there are too many, part with the one that has said nothing longest."""
        super().connection_made(transport)
        strangers = self.config.strangers
        if len(self.connections) > self.config.most:
            too_many = next(iter(strangers), self)
            strangers.pop(too_many, None)
            too_many.transport.abort()
            if too_many is self:
                return
        strangers[self] = None
        self._owes_head_since = self.loop.time()
        self._look_in(self.config.patience_s)
        if self.config.is_parting:  # it was taken just before the end
            self.loop.call_later(PARTING_S, self._part)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of it."""
        if self._looking:
            self._looking.cancel()
        self.config.strangers.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the time for a head begins with its first byte."""
        if self._is_idle:
            self._is_idle = False
            self._owes_head_since = self.loop.time()
        self._n_unread += len(data)
        super().data_received(data)
        if self._n_unread > MOST_HEAD and not self.transport.is_closing():
            self._refuse(
                RequestError(
                    431,
                    f"The head of the request is longer than {MOST_HEAD:,} bytes.",
                    remedy="Send less of it: a shorter path, fewer headers.",
                )
            )

    def on_message_begin(self) -> None:
        """See httptools."""
        self._has_head = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body (trailers) is no part of the head."""
        if not self._has_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        self.config.strangers.pop(self, None)
        self._has_head, self._is_at_work = True, True
        self._owes_head_since, self._n_unread = None, 0
        super().on_headers_complete()
        if self.config.is_parting:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take some of the body."""
        self._n_unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._n_unread = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, if it is not there already."""
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last:
            self._is_idle, self._is_at_work = True, False

    def pause_writing(self) -> None:
        """Note that answers are not read."""
        self._owes_reading_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that they are."""
        self._owes_reading_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        remedy = "Send HTTP/1.1; TLS is the business of a proxy before this server."
        self._refuse(RequestError(400, msg, remedy=remedy))

    def _refuse(self, error: RequestError) -> None:
        """Answer outside of any request, and end the connection."""
        self.transport.write(Problem(error).alone())
        self.transport.close()

    def shutdown(self) -> None:
        """Answer what is in work or on its way, say with it that it is the last, and end."""
        self.config.is_parting = True
        if self._is_at_work and not self.cycle.response_started:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(PARTING_S, self._part)

    def _part(self) -> None:
        if self._is_at_work:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _look_in(self, seconds: float) -> None:
        self._looking = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Cut it off if something is owed for too long; else look again when it would be."""
        now, config = self.loop.time(), self.config
        if self.transport.is_closing() and self._owes_reading_since is None:
            self._owes_reading_since = now  # it closes once its last answer has been read
        due = [
            since + limit
            for since, limit in (
                (self._owes_head_since, config.head_s),
                (self._owes_reading_since, config.answer_s),
            )
            if since is not None
        ]
        left = min(due, default=now + config.patience_s) - now
        if left <= 0:
            self.transport.abort()
        else:
            self._look_in(min(left, config.patience_s))
