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
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.samples import Sample

    from recomart.serving.words import Answer, State

Kind = TypeVar("Kind", Counter, Gauge, Histogram)
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


class Bound(Generic[Kind]):
    """A metric of one of several shops: its first label is the shop's name."""

    def __init__(self, metric: Kind, shop: str) -> None:
        self._metric: Kind = metric
        self._shop = shop

    def labels(self, *values: str) -> Kind:
        """Return the series of further labels."""
        return self._metric.labels(self._shop, *values)


class RequestMetrics:
    """What is counted of requests, wherever they lead.

    shop  where a process answers for several: the label `shop` of every series
    """

    def __init__(self, shop: str = "") -> None:
        self.registry = CollectorRegistry()
        self.shop = shop
        self.published: tuple[Metric, ...] = ()
        """What monitoring published, see `recomart.serving.published_metrics`."""
        self.requests = self.labelled(
            Counter, "requests", "Requests", ("method", "route", "status")
        )
        self.request_seconds = self.labelled(
            Histogram,
            "request_seconds",
            "Of a request, from its headers to its last byte",
            ("route",),
            buckets=SECONDS,
        )
        self.in_work = self.gauge("requests_in_work", "In work or waiting", "livesum")

    def labelled(
        self, kind: type[Kind], name: str, says: str, labels: tuple[str, ...], **options: Any
    ) -> Kind | Bound[Kind]:
        """Make a metric with labels."""
        names = ("shop", *labels) if self.shop else labels
        metric = kind(f"recomart_{name}", says, names, registry=self.registry, **options)
        return Bound(metric, self.shop) if self.shop else metric

    def plain(self, kind: type[Kind], name: str, says: str, **options: Any) -> Kind:
        """Make a metric without labels of its own."""
        made = self.labelled(kind, name, says, (), **options)
        return made.labels() if isinstance(made, Bound) else made

    def gauge(self, name: str, says: str, mode: str) -> Gauge:
        """Make a gauge without labels; `mode`: what is told of several workers."""
        return self.plain(Gauge, name, says, multiprocess_mode=mode)

    def families(self) -> list[Metric]:
        """Return all of it, of all workers; where there are several shops, of this alone."""
        folder = os.environ.get(FOLDER)
        if not folder:
            return [*self.registry.collect(), *self.published]
        own = read_shared(folder)
        return [*(of_shop(own, self.shop) if self.shop else own), *self.published]

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return written(self.families())


class Metrics(RequestMetrics):
    """What a service counts and measures."""

    def __init__(self, shop: str = "") -> None:
        super().__init__(shop)
        self._model: tuple[str, str] | None = None
        self.stage_seconds = self.labelled(
            Histogram,
            "stage_seconds",
            "Of a stage: engine (retrieve, features, rank, rules, reasons), event_log (or broker)",
            ("stage",),
            buckets=SECONDS,
        )
        self.lines = self.labelled(
            Counter, "lines", "Items in lists, by what brought them", ("source",)
        )
        self.confidence = self.plain(
            Histogram, "confidence", "Of a list's first item", buckets=SHARES
        )
        self.short = self.plain(Counter, "short_answers", "Lists with fewer items than asked for")
        self.degraded = self.labelled(
            Counter, "degraded_answers", "Answers given while it was out of order", ("part",)
        )
        self.events = self.labelled(Counter, "events", "Accepted, duplicate, refused", ("outcome",))
        self.event_lag = self.plain(
            Histogram,
            "event_lag_seconds",
            "From an event's arrival until this worker knows of it",
            buckets=LAGS,
        )
        self.swaps = self.plain(Counter, "model_swaps", "Models put in place")
        self._make_gauges()
        self._make_shadow()
        names = ("experiment", "variant")
        says = "Of experiments: answered, failed (the champion answered)"
        self.variants = self.labelled(Counter, "variant_lists", says, (*names, "outcome"))
        says = "A guardrail stopped it in a worker"
        self.is_variant_off = self.labelled(
            Gauge, "variant_off", says, names, multiprocess_mode="livemax"
        )

    def _make_gauges(self) -> None:
        self.queue = self.gauge(
            "event_queue", "Events on their way to the disk, or to the broker", "livesum"
        )
        self.freshness = self.gauge(
            "freshness_seconds", "Now minus the newest event that the model knows", "livemax"
        )
        self.is_refused = self.gauge("model_refused", "A newer model cannot be served", "livemax")
        self.is_lake_away = self.gauge(
            "lake_away", "It cannot be found out which model should serve", "livemax"
        )
        says = "The moment that served features are as of"
        self.view_at = self.labelled(
            Gauge, "view_served_at_seconds", says, ("view",), multiprocess_mode="livemin"
        )
        self.stale_views = self.gauge(
            "stale_views", "Views whose served features are older than they may be", "livemax"
        )
        says, names = "The model that serves", ("model", "version")
        self.model = self.labelled(Gauge, "model_info", says, names, multiprocess_mode="livemax")

    def _make_shadow(self) -> None:
        says = "Of the challenger: answered, failed, dropped"
        self.shadow = self.labelled(Counter, "shadow_answers", says, ("outcome",))
        says = "Share of a list that the challenger's has, too"
        self.shadow_overlap = self.plain(Histogram, "shadow_overlap", says, buckets=SHARES)
        says = "Of the challenger's answers"
        self.shadow_seconds = self.plain(Histogram, "shadow_seconds", says, buckets=SECONDS)

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


class RootMetrics(RequestMetrics):
    """What a process of several shops counts, beside what each of them does."""

    def __init__(self) -> None:
        super().__init__()
        says = "Of several shops: whether a model is there that serves"
        self.is_open = self.labelled(
            Gauge, "shop_open", says, ("shop",), multiprocess_mode="livemin"
        )


def of_all(parts: Iterable[RequestMetrics]) -> list[Metric]:
    """Return what all parts of a process tell, and its fellow workers, each family once."""
    parts, folder = list(parts), os.environ.get(FOLDER)
    own = read_shared(folder) if folder else [f for part in parts for f in part.registry.collect()]
    merged: dict[str, Metric] = {}
    for family in [*own, *(f for part in parts for f in part.published)]:
        there = merged.setdefault(family.name, like(family))
        there.samples.extend(family.samples)
    return list(merged.values())


def of_shop(families: Iterable[Metric], shop: str) -> list[Metric]:
    """Return of each family what is told of one shop."""
    found = []
    for family in families:
        samples = [one for one in family.samples if one.labels.get("shop") == shop]
        if samples:
            found.append(like(family, samples))
    return found


def like(family: Metric, samples: Iterable[Sample] = ()) -> Metric:
    """Return a family of the same name with other samples."""
    made = Metric(family.name, family.documentation, family.type)
    made.samples = [*samples]
    return made


def written(families: Iterable[Metric]) -> bytes:
    """Write families in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    return generate_latest(registry)


class _Given(Collector):
    """Families that are there already, as the library takes them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def read_shared(folder: str) -> list[Metric]:
    """Return what all workers count, of all their shops."""
    for _ in range(TRIES):
        with suppress(OSError, struct.error):  # a worker came or went while its file was read
            return _of_all(folder)
        time.sleep(AGAIN_S)
    return _of_all(folder)


def _of_all(folder: str) -> list[Metric]:
    bury_dead(Path(folder))
    collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    return [*collector.collect()]  # type: ignore[no-untyped-call]


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
