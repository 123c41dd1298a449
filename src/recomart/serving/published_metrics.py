"""What monitoring published, given at /metrics beside what this service counts.

A batch job cannot be scraped. It leaves its metrics in the lake, and a thread of each worker looks
for them now and then: whoever asks for /metrics gets what that thread read last, and never waits
for the lake. A lake that is away leaves the last ones in place; their age is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from recomart.log import StageLog

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from recomart.lake import Lake
    from recomart.serving.request_metrics import Metrics

DATASET, FILE = "monitoring", "monitoring.prom"
MOST_BYTES = 1 << 20
log = StageLog("serving")


class PublishedMetrics:
    """The metrics of the newest monitoring; `look` is called now and then."""

    def __init__(self, lake: Lake, metrics: Metrics) -> None:
        self._lake = lake
        self._metrics = metrics
        self._version = ""

    def look(self) -> None:
        """Take the newest metrics over; keep those of before where these would spoil the rest."""
        manifest = self._lake.find(DATASET)
        if manifest is None or manifest.version == self._version:
            return
        body = self._lake.read_file(manifest, FILE)
        self._version = manifest.version
        try:
            families = self._read(body)
        except ValueError as error:
            log.error("published_metrics_refused", version=manifest.version, cause=str(error))
            return
        self._metrics.published = families

    def _read(self, body: bytes) -> tuple[Metric, ...]:
        """Read families. Raises ValueError where Prometheus would refuse all of /metrics for it."""
        if len(body) > MOST_BYTES:
            raise ValueError(f"{len(body):,} bytes are too many")
        families = tuple(text_string_to_metric_families(body.decode()))
        theirs = {family.name for family in families}
        ours = {family.name for family in self._metrics.registry.collect()}
        if both := sorted(theirs & ours):
            raise ValueError(f"{', '.join(both)} are told by the service itself")
        if shop := self._metrics.shop:
            for family in families:
                family.samples = [
                    one._replace(labels={**one.labels, "shop": shop}) for one in family.samples
                ]
        return families
