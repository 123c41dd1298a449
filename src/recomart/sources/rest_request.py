"""One HTTP request of a catalogue: made, cut when its time is up, and its head checked."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Timer
from typing import TYPE_CHECKING, Any

import httpx

from recomart.errors import BadInputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.settings.sources import RestSource

TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class PassingError(Exception):
    """A trouble that may pass: what it was, and how long the server asks to wait."""

    def __init__(
        self, outcome: str, *, retry_after: float | None = None, answered: bool = False
    ) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.retry_after = retry_after
        self.answered = answered

    def last(
        self, address: str, attempts: int, *, waiting: bool
    ) -> UnavailableError | BadInputError:
        """Turn into what the user sees once no further attempt is made."""
        tried = f"{address}: {self.outcome} (attempt {attempts})."
        if self.answered:
            return BadInputError(
                tried, remedy="The answer is broken at its source: ask who runs the server."
            )
        if waiting and self.retry_after is not None:
            tried = f"{tried[:-1]}; the server asks to wait {self.retry_after:.0f} s."
        return UnavailableError(
            tried,
            remedy="What was ingested before is untouched: run it again later, or raise "
            "`max_attempts` and `deadline_s` of the source.",
        )


def client_for(source: RestSource) -> httpx.Client:
    """One connection a request, so that `Cut` knows it; no proxy between us and ourselves."""
    secret = {
        name.encode("ascii", "replace"): value.get_secret_value().encode()
        for name, value in source.headers.items()
    }
    plain = {b"accept": b"application/json", b"accept-encoding": b"identity"}
    return httpx.Client(
        headers={**plain, **secret},
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=httpx.URL(source.url).host not in LOOPBACK,
    )


class Cut:
    """Ends a request when its time is up, even one whose bytes keep dripping in.

    A time-out counts from byte to byte, so a server that sends one a second would
    hold us for ever; shutting the socket down ends the read, in the headers too.
    """

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._streams: list[Any] = []
        self._timer = Timer(seconds, self._fire)
        self._timer.daemon = True

    @contextmanager
    def armed(self) -> Iterator[Cut]:
        """Let the time run while the block does."""
        self._timer.start()
        try:
            yield self
        finally:
            self._timer.cancel()
            self._timer.join()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Learn of the connection; httpcore calls this at every step."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._streams.append(info["return_value"])
        if self.fired:  # the time was up before there was a connection
            self._fire()

    def _fire(self) -> None:
        self.fired = True
        for stream in self._streams:
            with suppress(OSError):  # of socket.socket: that of a TLS socket would break the reader
                socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)


def check_head(response: httpx.Response) -> None:
    """Let a 200 with JSON pass; part what may pass later from what will not."""
    address, status = shown(response.request.url), response.status_code
    if status in TRY_AGAIN:
        wait = _retry_after(response.headers.get("retry-after"))
        raise PassingError(f"HTTP {status} {response.reason_phrase}", retry_after=wait)
    if response.next_request is not None:
        target = shown(response.next_request.url)
        raise BadInputError(
            f"{address} redirects to {target}, which is not followed: headers could leak.",
            remedy=f"Set `url` of the source to {target} if you trust it.",
        )
    if status != httpx.codes.OK:
        keys = status in {401, 403}
        raise BadInputError(
            f"{address} answers HTTP {status} {response.reason_phrase}.",
            remedy="Check `headers` of the source." if keys else "Check `url` of the source.",
        )
    kind = response.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        raise BadInputError(
            f"{address} answers with {kind}, not with JSON.",
            remedy="Open `url` of the source in a browser: this is often a login or an error page.",
        )


def _retry_after(value: str | None) -> float | None:
    """Seconds that a server asks to wait, given in seconds or as a date; None if it does not."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC, of unknown origin
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


def shown(url: httpx.URL) -> str:
    """The address without what may be secret: user, password, query."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))
