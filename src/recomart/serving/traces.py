"""Traces for OpenTelemetry, sent by OTLP/HTTP: a span for each request, and for its stages.

Imported only where `serving.otlp` names an endpoint. Spans wait in a queue that a thread empties;
where nobody takes them they are dropped, and no request waits.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from recomart import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Found = TypeVar("Found")

WAITING, AT_ONCE = 2_048, 512
"""Spans in the queue, and of one message."""
EVERY_MS = 1_000.0
ANSWER_S, CLOSE_S = 2.0, 2.0
"""How long the endpoint has for a message, and for the last ones when the server ends."""
METHODS = ("GET", "POST", "DELETE")
FAULT = 500


class Traces:
    """Makes spans. Its callers' `traceparent` is taken over, and whether they record."""

    def __init__(self, endpoint: str) -> None:
        about = {"service.name": "recomart", "service.version": __version__}
        self._provider = TracerProvider(resource=Resource(about), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint, timeout=ANSWER_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=WAITING,
                schedule_delay_millis=EVERY_MS,
                max_export_batch_size=AT_ONCE,
            )
        )
        self._tracer = self._provider.get_tracer("recomart.serving", __version__)
        self._traceparent = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope) -> Iterator[trace.Span]:
        """Make the span of a request."""
        told = {str(name, "latin-1"): str(value, "latin-1") for name, value in scope["headers"]}
        above = self._traceparent.extract(told, context.Context())
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        request_id = scope["state"]["request_id"]
        about = {"http.request.method": method, "recomart.request_id": request_id}
        server = trace.SpanKind.SERVER
        with self._tracer.start_as_current_span(method, above, server, about) as span:
            try:
                yield span
            finally:
                route = getattr(scope.get("route"), "path", "other")
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Make the span of a part of what is traced now; none outside of a request."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        with self._tracer.start_as_current_span(name):
            yield

    def carried(self, do: Callable[[], Found]) -> Callable[[], Found]:
        """Let what another thread does belong to what is traced here."""
        here = context.get_current()

        def do_there() -> Found:
            token = context.attach(here)
            try:
                return do()
            finally:
                context.detach(token)

        return do_there

    def close(self) -> None:
        """Send what waits, as far as it is taken in time."""
        closing = Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


class TracedRequests:
    """Makes a span for every request, as plain ASGI."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self.app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = FAULT

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._traces.request(scope) as span:
            try:
                await self.app(scope, receive, noticed)
            finally:
                span.set_attribute("http.response.status_code", status)
                if status >= FAULT:
                    span.set_status(trace.StatusCode.ERROR)
