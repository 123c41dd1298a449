"""Metrics for Prometheus: one registry a process, or files that several workers share.

Several workers share what they count when PROMETHEUS_MULTIPROC_DIR names a folder before
prometheus_client is imported; `recomart serve --workers 2` sees to it.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recomart.serving.words import Answer, State

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = CONTENT_TYPE_LATEST
SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
SHARES = tuple(k / 10 for k in range(1, 11))
TRIES, AGAIN_S = 5, 0.02
"""How often, and after what time, the files of the workers are read again."""
LAGS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """What a service counts and measures."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self.registry = own
        self.published = b""
        """What monitoring published, see `recomart.serving.published_metrics`."""
        self._model: tuple[str, str] | None = None
        self.requests = Counter(
            "recomart_requests", "Requests", ("method", "route", "status"), registry=own
        )
        self.request_seconds = Histogram(
            "recomart_request_seconds",
            "Of a request, from its headers to its last byte",
            ("route",),
            buckets=SECONDS,
            registry=own,
        )
        self.stage_seconds = Histogram(
            "recomart_stage_seconds",
            "Of a stage: engine (retrieve, features, rank, rules, reasons), event_log (or broker)",
            ("stage",),
            buckets=SECONDS,
            registry=own,
        )
        self.lines = Counter(
            "recomart_lines", "Items in lists, by what brought them", ("source",), registry=own
        )
        self.confidence = Histogram(
            "recomart_confidence", "Of a list's first item", buckets=SHARES, registry=own
        )
        self.short = Counter(
            "recomart_short_answers", "Lists with fewer items than asked for", registry=own
        )
        self.degraded = Counter(
            "recomart_degraded_answers", "Answers given while it was out of order", ("part",),
            registry=own,
        )  # fmt: skip
        self.events = Counter(
            "recomart_events", "Accepted, duplicate, refused", ("outcome",), registry=own
        )
        self.event_lag = Histogram(
            "recomart_event_lag_seconds",
            "From an event's arrival until this worker knows of it",
            buckets=LAGS,
            registry=own,
        )
        self.swaps = Counter("recomart_model_swaps", "Models put in place", registry=own)
        self._make_gauges(own)
        self._make_shadow(own)
        self.variants = Counter(
            "recomart_variant_lists", "Of experiments: answered, failed (the champion answered)",
            ("experiment", "variant", "outcome"), registry=own,
        )  # fmt: skip
        self.is_variant_off = Gauge(
            "recomart_variant_off", "A guardrail stopped it in a worker",
            ("experiment", "variant"), registry=own, multiprocess_mode="livemax",
        )  # fmt: skip

    def _make_gauges(self, own: CollectorRegistry) -> None:
        self.in_work = Gauge(
            "recomart_requests_in_work", "In work or waiting",
            registry=own, multiprocess_mode="livesum",
        )  # fmt: skip
        self.queue = Gauge(
            "recomart_event_queue", "Events on their way to the disk, or to the broker",
            registry=own, multiprocess_mode="livesum",
        )  # fmt: skip
        self.freshness = Gauge(
            "recomart_freshness_seconds", "Now minus the newest event that the model knows",
            registry=own, multiprocess_mode="livemax",
        )  # fmt: skip
        self.is_refused = Gauge(
            "recomart_model_refused", "A newer model cannot be served",
            registry=own, multiprocess_mode="livemax",
        )  # fmt: skip
        self.is_lake_away = Gauge(
            "recomart_lake_away", "It cannot be found out which model should serve",
            registry=own, multiprocess_mode="livemax",
        )  # fmt: skip
        self.view_at = Gauge(
            "recomart_view_served_at_seconds", "The moment that served features are as of",
            ("view",), registry=own, multiprocess_mode="livemin",
        )  # fmt: skip
        self.stale_views = Gauge(
            "recomart_stale_views", "Views whose served features are older than they may be",
            registry=own, multiprocess_mode="livemax",
        )  # fmt: skip
        self.model = Gauge(
            "recomart_model_info", "The model that serves",
            ("model", "version"), registry=own, multiprocess_mode="livemax",
        )  # fmt: skip

    def _make_shadow(self, own: CollectorRegistry) -> None:
        self.shadow = Counter(
            "recomart_shadow_answers", "Of the challenger: answered, failed, dropped", ("outcome",),
            registry=own,
        )  # fmt: skip
        self.shadow_overlap = Histogram(
            "recomart_shadow_overlap", "Share of a list that the challenger's has, too",
            buckets=SHARES, registry=own,
        )  # fmt: skip
        self.shadow_seconds = Histogram(
            "recomart_shadow_seconds", "Of the challenger's answers", buckets=SECONDS, registry=own
        )

    def answered(self, answer: Answer, n: int) -> None:
        """Count what is in a list that was asked for with `n` items."""
        by_source: dict[str, int] = {}
        for line in answer.lines:
            by_source[line.source] = by_source.get(line.source, 0) + 1
        for source, count in by_source.items():
            self.lines.labels(source).inc(count)
        if answer.lines and answer.lines[0].confidence is not None:
            self.confidence.observe(answer.lines[0].confidence)
        if len(answer.lines) < n:
            self.short.inc()
        self.told_degraded(answer.degraded)

    def told_degraded(self, parts: Sequence[str]) -> None:
        """Count an answer that was given while parts were out of order."""
        for part in parts:
            self.degraded.labels(part).inc()

    def serves(self, state: State) -> None:
        """Tell which model serves from now on."""
        if self._model:
            self.model.labels(*self._model).set(0)
            self.swaps.inc()
        self._model = (state.model, state.version)
        self.model.labels(*self._model).set(1)

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format, of all workers."""
        folder = os.environ.get(FOLDER)
        if not folder:
            return generate_latest(self.registry) + self.published
        for _ in range(TRIES):
            with suppress(OSError, struct.error):  # a worker came or went while its file was read
                return _of_all(folder) + self.published
            time.sleep(AGAIN_S)
        return _of_all(folder) + self.published


def _of_all(folder: str) -> bytes:
    bury_dead(Path(folder))
    shared = CollectorRegistry()
    MultiProcessCollector(shared, folder)  # type: ignore[no-untyped-call]
    return generate_latest(shared)


def bury_dead(folder: Path) -> None:
    """Leave out the gauges of workers that are no more; what they counted stays counted."""
    pids = {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}
    for pid in pids:
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and not _is_alive(int(pid)):
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
