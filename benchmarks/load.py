"""A load generator: open loop (requests arrive whether or not others were answered), or closed.

Time is counted from the moment at which a request was due, so a server that falls behind is seen to
(no coordinated omission). About 40 µs of CPU a request, on the machine that is measured.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NO_ANSWER = 0
"""Stands for the status of a request whose connection was closed or refused."""
MOST_CONNECTIONS = 512
HEAD_END = b"\r\n\r\n"


@dataclass
class Seen:
    """What came back: (due, seconds until the answer, status), moments from the start."""

    seconds: float = 0.0
    answers: list[tuple[float, float, int]] = field(default_factory=list)

    def times_ms(self, status: int = 200) -> list[float]:
        """Return how long answers of a status took, sorted, in ms."""
        return sorted(1e3 * took for _, took, found in self.answers if found == status)

    def percentiles(self, status: int = 200) -> dict[str, float]:
        """Return percentiles of the times of a status, in ms."""
        times = self.times_ms(status)
        if not times:
            return {}
        at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        return {name: round(times[int(len(times) * q)], 2) for name, q in at.items()}

    def per_s(self, status: int = 200) -> float:
        """Return answers of a status per second."""
        return round(len(self.times_ms(status)) / self.seconds, 1)

    def statuses(self) -> dict[int, int]:
        """Count answers by status."""
        counts: dict[int, int] = {}
        for _, _, status in self.answers:
            counts[status] = counts.get(status, 0) + 1
        return counts

    def between(self, start: float, stop: float) -> Seen:
        """Return what was due between two moments."""
        some = [one for one in self.answers if start <= one[0] < stop]
        return Seen(stop - start, some)


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return the bytes of a request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + HEAD_END + body


def get(path: str) -> bytes:
    """Return the bytes of a request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1".encode() + HEAD_END


class _Connection(asyncio.Protocol):
    """One keep-alive connection, with one request in flight at most."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.due = 0.0
        self.is_busy = False
        self._data = b""
        self._need = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at a moment."""
        self.due, self.is_busy = due, True
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._need:
            end = self._data.find(HEAD_END)
            if end < 0:
                return
            at = self._data.lower().find(b"content-length:", 0, end)
            length = self._data[at + 15 : self._data.find(b"\r", at)] if at >= 0 else b"0"
            self._need = end + 4 + int(length)
        if len(self._data) >= self._need:
            status = int(self._data[9:12])
            self._data, self._need = self._data[self._need :], 0
            self.is_busy = False
            self.load.answered(self, status)

    def connection_lost(self, _: Exception | None) -> None:
        self.load.lost(self)


class _Load:
    def __init__(self, port: int, requests: Iterable[bytes]) -> None:
        self.port = port
        self.requests: Iterator[bytes] = cycle(requests)
        self.seen = Seen()
        self.began = 0.0
        self.free: deque[_Connection] = deque()
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.n_open = 0
        self.closed_until = 0.0
        self.opening: set[asyncio.Future[None]] = set()
        self.is_over = False

    async def open(self, n: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(n):
            self.n_open += 1
            _, one = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.port)
            self.free.append(one)

    def due(self, moment: float) -> None:
        """Send what is due, on a connection that is free, or as soon as one is."""
        request = next(self.requests)
        if self.free:
            self.free.pop().send(request, moment)
        else:
            self.waiting.append((moment, request))
            if self.n_open < MOST_CONNECTIONS:
                self.n_open += 1
                self.opening.add(asyncio.ensure_future(self._one_more()))

    async def _one_more(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, one = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.port)
        except OSError:
            self.n_open -= 1
            return
        self._next(one)

    def answered(self, one: _Connection, status: int) -> None:
        self._note(one.due, status)
        self._next(one)

    def lost(self, one: _Connection) -> None:
        self.n_open -= 1
        if one.is_busy:
            self._note(one.due, NO_ANSWER)
        elif one in self.free:
            self.free.remove(one)
        if not self.is_over and self.waiting and self.n_open < MOST_CONNECTIONS:
            self.n_open += 1
            self.opening.add(asyncio.ensure_future(self._one_more()))

    def _next(self, one: _Connection) -> None:
        if one.transport.is_closing():
            return
        if self.waiting:
            due, request = self.waiting.popleft()
            one.send(request, due)
        elif self.closed_until and time.perf_counter() < self.closed_until:
            one.send(next(self.requests), time.perf_counter())
        else:
            self.free.append(one)

    def _note(self, due: float, status: int) -> None:
        self.seen.answers.append((due - self.began, time.perf_counter() - due, status))


async def _open_loop(load: _Load, rate: float, seconds: float, patience_s: float) -> None:
    drawn = random.Random(7)
    load.began = due = time.perf_counter()
    while due - load.began < seconds:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        while due <= time.perf_counter():
            load.due(due)
            due += drawn.expovariate(rate)
        await asyncio.sleep(0)
    until = time.perf_counter() + patience_s
    while (load.waiting or len(load.free) < load.n_open) and time.perf_counter() < until:  # noqa: ASYNC110 - costs least
        await asyncio.sleep(0.01)
    load.seen.seconds = seconds


async def _closed_loop(load: _Load, seconds: float) -> None:
    load.began = time.perf_counter()
    load.closed_until = load.began + seconds
    for one in list(load.free):
        load.free.remove(one)
        one.send(next(load.requests), time.perf_counter())
    while len(load.free) < load.n_open:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    load.seen.seconds = time.perf_counter() - load.began


def open_loop(
    port: int, requests: list[bytes], rate: float, seconds: float, *, connections: int = 64
) -> Seen:
    """Send requests at random moments, `rate` a second on average (Poisson)."""

    async def run() -> Seen:
        load = _Load(port, requests)
        await load.open(connections)
        await _open_loop(load, rate, seconds, patience_s=10.0)
        load.is_over = True
        return load.seen

    return asyncio.run(run())


def closed_loop(port: int, requests: list[bytes], seconds: float, *, connections: int) -> Seen:
    """Keep so many requests in flight."""

    async def run() -> Seen:
        load = _Load(port, requests)
        await load.open(connections)
        await _closed_loop(load, seconds)
        load.is_over = True
        return load.seen

    return asyncio.run(run())
