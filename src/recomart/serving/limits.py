"""What stands between the network and the doors, as plain ASGI: one class for each limit."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

import anyio

from recomart.errors import BusyError, RequestError
from recomart.serving.problems import Problem
from recomart.serving.security import Key, Keys, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from recomart.errors import RecomartError
    from recomart.serving.request_metrics import RequestMetrics
    from recomart.serving.security import Scope as KeyScope
    from recomart.settings import ServingSettings

HEADERS = [
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
NO_POLICY = b"default-src 'none'; frame-ancestors 'none'"
SHOP_POLICY = b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
OPEN = ("/health/live", "/health/ready", "/openapi.json")
LISTS = ("/recommendations", "/bundle", "/popular", "/trending", "/items/")
"""Paths that the engine answers."""
CALLERS = 10_000
"""Callers whose rate is remembered."""
PAUSE_S = 0.02
"""Before a request is refused that would wait too long."""
FORGETS = 0.1
"""Weight of the latest list in the mean of what one costs."""


async def refuse(scope: Scope, send: Send, error: RecomartError) -> None:
    """Answer with a problem document."""
    problem = Problem(error)
    body = problem.body(scope.get("state", {}).get("request_id", ""))
    headers = {**problem.headers(), "content-length": str(len(body))}
    told = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": told})
    is_head = scope["method"] == "HEAD"
    await send({"type": "http.response.body", "body": b"" if is_head else body})


class SecurityHeaders:
    """Adds the headers that browsers go by."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        policy = SHOP_POLICY if scope.get("path", "").startswith("/shop") else NO_POLICY
        added = [*HEADERS, (b"content-security-policy", policy)]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, with_headers)


class Turns:
    """Foretells how long a list waits, from how long those before it kept the engine.

    Lists leave one after another, so what one costs is the time from when it could begin (it had
    come, and the one before it had left) until it leaves, however many threads share the work. A
    list that comes now waits for all that are in the house (Little's law).
    """

    def __init__(self) -> None:
        self.n = 0
        self.each_s = 0.0
        """What a list costs: a mean that forgets."""
        self._last_left = 0.0

    @property
    def wait_s(self) -> float:
        """How long one that comes now will wait."""
        return self.n * self.each_s

    def left(self, came: float) -> None:
        """Learn from one that leaves now and came at a moment."""
        now = time.perf_counter()
        took = now - max(came, self._last_left)
        self._last_left = now
        self.each_s += FORGETS * (took - self.each_s)


class Shed:
    """Refuses soon what would have to wait too long, before it costs anything.

    Not quite at once: whoever asks again as soon as they are refused would keep a worker from those
    it has taken.
    """

    def __init__(self, app: ASGIApp, settings: ServingSettings, metrics: RequestMetrics) -> None:
        self.app = app
        self._most = settings.max_requests
        self._most_wait_s = settings.max_wait_s
        self._threads = settings.threads
        self._metrics = metrics
        self._n = 0
        self._lists = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Whether the process lives and is ready is told in any case."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        is_list = _is_list(scope["path"])
        why = self._why_not(is_list=is_list)
        if why:
            await asyncio.sleep(PAUSE_S)
            await refuse(scope, send, BusyError(503, why, retry_after_s=1.0))
            return
        came = time.perf_counter()
        self._count(1, is_list=is_list)
        try:
            await self.app(scope, receive, send)
        finally:
            self._count(-1, is_list=is_list)
            if is_list:
                self._lists.left(came)

    def _why_not(self, *, is_list: bool) -> str:
        """Say why a request is not taken; nothing: it is."""
        lists = self._lists
        if self._n >= self._most:
            return f"{self._n} requests are in work or wait."
        if is_list and lists.n >= self._threads and lists.wait_s > self._most_wait_s:
            return f"{lists.n} lists are in work or wait; another would wait too long."
        return ""

    def _count(self, more: int, *, is_list: bool) -> None:
        self._n += more
        self._lists.n += more * is_list
        self._metrics.in_work.set(self._n)


class Rate:
    """Buckets that fill while time passes, and of which each request takes a token.

    per_s  requests a second; 0: as many as come
    whom   who is held to it, in words
    """

    def __init__(self, per_s: float, whom: str) -> None:
        self._per_s = per_s
        self._whom = whom
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Take a token out of the bucket of a name. Raises BusyError."""
        if not self._per_s:
            return
        now, most = time.monotonic(), max(1.0, self._per_s)
        left, since = self._buckets.pop(name, (most, now))
        left = min(most, left + (now - since) * self._per_s)
        self._buckets[name] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            cause = f"More than {self._per_s:g} requests a second came from {self._whom}."
            raise BusyError(429, cause, retry_after_s=(1 - left) / self._per_s)


class Guard:
    """Asks for an API key of the right scope, and holds each caller, and all, to a rate."""

    def __init__(self, app: ASGIApp, settings: ServingSettings, keys: Keys) -> None:
        self.app = app
        self._keys = keys
        self._callers = Rate(settings.max_requests_per_s, "one caller")
        self._all = Rate(settings.max_shop_requests_per_s, "all callers together")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            caller = self._caller(scope)
            self._callers.take(caller)  # first: whoever is over theirs takes nothing from others
            self._all.take("")
        except (RequestError, BusyError) as error:
            await refuse(scope, send, error)
            return
        await self.app(scope, receive, send)

    def _caller(self, scope: Scope) -> str:
        headers = dict(scope["headers"])
        self._keys.refresh()
        if not self._keys.are_needed:
            _hold_to_local_name(headers.get(b"host", b""))
            return scope["client"][0] if scope.get("client") else ""
        key = self._key(headers.get(b"authorization", b""))
        needed = scope_needed(scope["method"], scope["path"])
        if not any(key.may(one) for one in needed):
            raise RequestError(
                403,
                f"The API key {key.name!r} is for {key.scope}; this wants {' or '.join(needed)}.",
                remedy="Use a key of that scope: `recomart keys create`.",
            )
        scope["state"]["key"] = key.key_id
        return key.key_id

    def _key(self, header: bytes) -> Key:
        kind, _, told = header.partition(b" ")
        key = self._keys.find(told.strip().decode("latin-1")) if kind.lower() == b"bearer" else None
        if key is None:
            raise RequestError(
                401,
                "There is no API key that holds." if header else "This wants an API key.",
                remedy="Send `Authorization: Bearer <key>`; see `recomart keys create`.",
                headers={"www-authenticate": 'Bearer realm="recomart"'},
            )
        return key


class TimeLimit:
    """Ends what takes too long with a 503; what has begun to be answered may end."""

    def __init__(self, app: ASGIApp, settings: ServingSettings) -> None:
        self.app = app
        self._timeout_s = settings.timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_begun = False

        async def noticed(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        with anyio.move_on_after(self._timeout_s) as limit:
            await self.app(scope, receive, noticed)
        if limit.cancelled_caught and not has_begun:
            cause = f"This took longer than {self._timeout_s:g} s."
            await refuse(scope, send, BusyError(503, cause, retry_after_s=1.0))


def scope_needed(method: str, path: str) -> tuple[KeyScope, ...]:
    """Return the scopes that open a door: any of them."""
    if path == "/events" and method == "POST":
        return ("write",)
    if path.startswith(("/users/", "/explain/")):
        return ("admin",)
    return ("read",)


def _is_list(path: str) -> bool:
    return path.startswith(LISTS)


def _is_open(path: str) -> bool:
    return path in OPEN or path == "/shop" or path.startswith("/shop/")


def _hold_to_local_name(host: bytes) -> None:
    """Without keys, answer to this machine's own names: a page elsewhere may borrow another."""
    if not _is_local(host):
        raise RequestError(
            403,
            "Without API keys only localhost is answered to.",
            remedy="Ask for http://127.0.0.1, or make a key: `recomart keys create`.",
        )


@lru_cache(maxsize=64)
def _is_local(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return is_loopback(name)
