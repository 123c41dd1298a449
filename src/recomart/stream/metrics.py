"""Metrics of a stream for Prometheus, at a port of their own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.events.streams import Taken
    from recomart.settings import StreamSettings

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Unmeasured:
    """Takes every word and keeps none: where nobody asked for metrics."""

    def took(self, taken: Taken, seconds: float) -> None:
        """Be told of a batch that is on the disk, and how long that took."""

    def lost(self, n: int) -> None:
        """Be told of messages that the broker let go before they were taken."""

    def committed(self, n: int) -> None:
        """Be told of rows that a version of the lake brought."""

    def not_committed(self) -> None:
        """Be told that a commit failed."""

    def stands(self, **values: float | None) -> None:
        """Be told how things are: lag, waiting, up, paused; None is not known."""


class Metrics(Unmeasured):
    """See `Unmeasured`."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = own = CollectorRegistry()
        self._messages = Counter(
            "recomart_stream_messages", "Taken: accepted, duplicate, refused", ("outcome",),
            registry=own,
        )  # fmt: skip
        for outcome in ("accepted", "duplicate", "refused"):
            self._messages.labels(outcome)  # nothing yet is a figure, too
        self._seconds = Histogram(
            "recomart_stream_batch_seconds", "To bring a batch to the disk", buckets=SECONDS,
            registry=own,
        )  # fmt: skip
        self._lost = Counter(
            "recomart_stream_lost_messages", "Let go by the broker before taken", registry=own
        )
        self._commits = Counter(
            "recomart_stream_lake_commits", "Versions that brought something", registry=own
        )
        self._failures = Counter(
            "recomart_stream_lake_failures", "Commits that failed; a lake that a run holds is none",
            registry=own,
        )  # fmt: skip
        self._rows = Counter("recomart_stream_lake_rows", "Brought into the lake", registry=own)
        says = {
            "lag": "Messages that the broker has and did not give",
            "waiting": "Events and refused messages that the lake does not have yet",
            "up": "The broker answers",
            "paused": "Somebody paused the stream",
        }
        self._gauges = {
            name: Gauge(f"recomart_stream_{name}", said, registry=own)
            for name, said in says.items()
        }

    def took(self, taken: Taken, seconds: float) -> None:
        """See `Unmeasured`."""
        for outcome, n in taken._asdict().items():
            self._messages.labels(outcome).inc(n)
        self._seconds.observe(seconds)

    def lost(self, n: int) -> None:
        """See `Unmeasured`."""
        self._lost.inc(n)

    def committed(self, n: int) -> None:
        """See `Unmeasured`."""
        self._commits.inc()
        self._rows.inc(n)

    def not_committed(self) -> None:
        """See `Unmeasured`."""
        self._failures.inc()

    def stands(self, **values: float | None) -> None:
        """See `Unmeasured`."""
        for name, value in values.items():
            self._gauges[name].set(float("nan") if value is None else value)


@contextmanager
def measured(settings: StreamSettings) -> Iterator[tuple[Unmeasured, str]]:
    """Tell metrics over HTTP, where a port is set; give who is told, and the URL, empty for none.

    Raises MissingExtraError, UnavailableError.
    """
    if settings.metrics_port is None:
        yield Unmeasured(), ""
        return
    try:
        from prometheus_client import start_http_server
    except ModuleNotFoundError:
        raise MissingExtraError("prometheus-client", "serve") from None
    metrics = Metrics()
    host = settings.metrics_host
    try:
        server: Any
        server, thread = start_http_server(settings.metrics_port, host, metrics.registry)
    except OSError as error:
        raise UnavailableError(
            f"{host} port {settings.metrics_port} cannot be listened on: {error.strerror}.",
            remedy="End what listens there, or use --metrics-port with another; 0 takes any.",
        ) from error
    try:
        yield metrics, f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
