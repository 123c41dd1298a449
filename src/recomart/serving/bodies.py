"""Bodies: read before anybody else reads, counted while they come, and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from recomart.errors import BusyError, RequestError
from recomart.serving.limits import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from recomart.settings import ServingSettings

LINGER_BYTES = 256 << 20
"""Of a body that is not taken, so much is read before the connection is closed on it."""


class Body:
    """Reads bodies: none larger than it may be, all together no more than a worker may hold."""

    def __init__(self, app: ASGIApp, settings: ServingSettings) -> None:
        self.app = app
        self._most = settings.max_body_bytes
        self._most_held = settings.max_bodies_bytes
        self._timeout_s = settings.timeout_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        parts: list[bytes] = []
        try:
            try:
                is_whole = await self._read(scope, receive, parts)
            except (RequestError, BusyError) as error:
                await refuse(scope, send, error)
                return
            if is_whole:
                await self.app(scope, _replay(b"".join(parts), receive), send)
        finally:
            self._let_go(parts)

    async def _read(self, scope: Scope, receive: Receive, parts: list[bytes]) -> bool:
        """Read a body into parts; False: the client has gone. Raises RequestError, BusyError."""
        told = dict(scope["headers"]).get(b"content-length", b"")
        refused = None
        if told.isdigit() and int(told[:20]) > self._most:
            refused = self._too_large()
            if b"100-continue" in dict(scope["headers"]).get(b"expect", b"").lower():
                raise refused  # it was not sent yet
        with anyio.move_on_after(self._timeout_s):
            return await self._gather(receive, parts, refused)
        raise RequestError(
            408,
            f"The body did not come within {self._timeout_s:g} s.",
            remedy="Send it faster.",
            headers={"connection": "close"},
        )

    async def _gather(
        self, receive: Receive, parts: list[bytes], refused: RequestError | BusyError | None
    ) -> bool:
        """Read on even what is refused, and forget it: cut off, many clients hear nothing."""
        n, has_more = 0, True
        while has_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            n += len(part)
            has_more = bool(message.get("more_body")) and n <= LINGER_BYTES
            refused = refused or self._why_not(n, len(part))
            if refused:
                self._let_go(parts)
            else:
                parts.append(part)
                self._held += len(part)
        if refused:
            raise refused
        return True

    def _why_not(self, n: int, more: int) -> RequestError | BusyError | None:
        """Say why a body of n bytes so far is not taken, of which more have just come."""
        if n > self._most:
            return self._too_large()
        is_alone = self._held == n - more
        if self._held + more > self._most_held and not is_alone:
            cause = f"Bodies of {self._held:,} bytes are held already."
            return BusyError(503, cause, retry_after_s=1.0)
        return None

    def _let_go(self, parts: list[bytes]) -> None:
        self._held -= sum(map(len, parts))
        parts.clear()

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"The body is larger than {self._most:,} bytes.",
            remedy="Send less at once.",
            headers={"connection": "close"},  # what is still to come is not read
        )


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Give the body once, and then whatever the connection has to say."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
