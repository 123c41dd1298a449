"""A line in the log and a count for every request, under an id that goes in and out."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from typing import TYPE_CHECKING, TextIO

from recomart.log import ROOT, SHOP, StageLog
from recomart.serving.limits import refuse
from recomart.serving.problems import internal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from recomart.serving.request_metrics import RequestMetrics

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
log = StageLog("serving")


class Access:
    """The outermost: whatever happens inside, there is an answer, a count and a line."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, began, status = _request_id(scope), time.perf_counter(), 0
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), told]
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except Exception as error:  # noqa: BLE001 - the last place where it can be told
            _say_fault(request_id, error)
            if not status:
                await refuse(scope, noticed, internal())
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in ("GET", "POST", "DELETE") else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        log.info(
            "request_answered",
            request_id=scope["state"]["request_id"],
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1e3, 2),
            key=scope["state"].get("key"),
        )


def _say_fault(request_id: str, error: Exception) -> None:
    """Log where it went wrong, never with what values: they are the callers'."""
    where = traceback.extract_tb(error.__traceback__)[-6:]
    log.error(
        "request_failed",
        request_id=request_id,
        error=type(error).__name__,
        where=[f"{one.filename}:{one.lineno}" for one in where],
    )


def _request_id(scope: Scope) -> str:
    """Return the id that the caller gave, if it is harmless; else one of ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


class JsonLines(logging.Handler):
    """Writes what the rooms log as JSON, a line an event."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": getattr(record, "event", None) or record.getMessage(),
            **({"shop": shop} if (shop := SHOP.get()) else {}),
            **getattr(record, "fields", {}),
        }
        self._stream.write(json.dumps(line, default=str) + "\n")
        self._stream.flush()


def log_as_json(stream: TextIO | None = None) -> None:
    """Let this process log to its standard error as JSON."""
    handler = JsonLines(stream or sys.stderr)
    for name in (ROOT, "uvicorn.error", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if name == ROOT else logging.WARNING)
        logger.propagate = False
