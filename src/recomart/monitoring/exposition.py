"""What monitoring knows, as metrics in Prometheus' text format.

The API gives them at /metrics beside its own (it reads the published data set, see
`recomart.serving.published_metrics`); the file in the reports is for node_exporter's textfile
collector, where no API runs. Moments are moments, never ages: a file does not age by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.monitoring.online import DID
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.monitoring.model import Monitoring

    Sample = tuple[dict[str, str], float | None]

METRICS_FILE = "monitoring.prom"
HELP = {
    "recomart_monitored_at_seconds": "When all of these were measured",
    "recomart_retraining_due": "A reason speaks for training anew",
    "recomart_reason_value": "Figure of a reason to train anew",
    "recomart_reason_threshold": "Above it the reason speaks",
    "recomart_reason_speaks": "1: it speaks, 0: it does not; absent: it cannot tell",
    "recomart_feature_psi": "Population stability index of a feature since the model learned",
    "recomart_feature_js": "Jensen-Shannon divergence of it, 0 to 1",
    "recomart_feature_ks": "Largest gap between its distribution functions, 0 to 1",
    "recomart_feature_new_share": "Share of rows with a word that the model never saw",
    "recomart_feature_null_share": "Share of rows without a value",
    "recomart_prediction_psi": "Population stability index of what is recommended",
    "recomart_data_quality_score": "0 to 100; source all: of all sources",
    "recomart_offline_metric": "Of each model, in the comparison before the last publishing",
    "recomart_published_at_seconds": "When the model that serves was published",
    "recomart_newest_event_at_seconds": "When the newest event in the lake occurred",
    "recomart_view_at_seconds": "The moment that a feature view in the lake is as of",
    "recomart_online_lines": "Lines of lists that were shown, in the stretch that is measured",
    "recomart_online_lists": "Lists that were shown in it",
    "recomart_online_share": "Share of lines that were clicked, put into a cart, bought",
    "recomart_online_share_low": "Lower end of its 95 % interval",
    "recomart_online_share_high": "Upper end of its 95 % interval",
    "recomart_online_astray": "Events that name a list for what it does not explain",
}
"""Name → what it tells; all are gauges."""


def exposition(found: Monitoring) -> str:
    """Write every metric that has a value."""
    blocks = []
    by_name = samples(found)
    for name, says in HELP.items():
        lines = [
            f"{name}{_labels(labels)} {value:.10g}"
            for labels, value in by_name.get(name, ())
            if value is not None
        ]
        if lines:
            blocks += [f"# HELP {name} {says}.", f"# TYPE {name} gauge", *lines]
    return "\n".join(blocks) + "\n"


def samples(found: Monitoring) -> dict[str, list[Sample]]:
    """Return the samples of each metric."""
    by_name: dict[str, list[Sample]] = {}
    for of in (_times, _reasons, _drift, _scores, _online):
        for name, labels, value in of(found):
            by_name.setdefault(f"recomart_{name}", []).append((labels, value))
    return by_name


def _times(found: Monitoring) -> Iterator[tuple[str, dict[str, str], float | None]]:
    yield "monitored_at_seconds", {}, found.monitored_us / SECOND_US
    if found.newest_event_us is not None:
        yield "newest_event_at_seconds", {}, found.newest_event_us / SECOND_US
    if found.champion is not None:
        labels = {"model": found.champion.name}
        yield "published_at_seconds", labels, found.champion.published_us / SECOND_US
    for view, at_us in found.view_us.items():
        yield "view_at_seconds", {"view": view}, at_us / SECOND_US


def _reasons(found: Monitoring) -> Iterator[tuple[str, dict[str, str], float | None]]:
    yield "retraining_due", {}, found.is_due
    for one in found.reasons:
        labels = {"reason": one.name}
        yield "reason_value", labels, one.now
        yield "reason_threshold", labels, one.threshold
        yield "reason_speaks", labels, one.verdict


def _drift(found: Monitoring) -> Iterator[tuple[str, dict[str, str], float | None]]:
    for feature, moved in found.features.items():
        labels = {"feature": feature}
        yield "feature_psi", labels, moved.psi
        yield "feature_js", labels, moved.js
        yield "feature_ks", labels, moved.ks
        yield "feature_new_share", labels, moved.new_share
        yield "feature_null_share", labels, moved.null_now
    for name, moved in found.predictions.items():
        yield "prediction_psi", {"of": name}, moved.psi


def _scores(found: Monitoring) -> Iterator[tuple[str, dict[str, str], float | None]]:
    if found.quality is not None:
        yield "data_quality_score", {"source": "all"}, found.quality.score
        for source, score in found.quality.sources.items():
            yield "data_quality_score", {"source": source}, score
    for one in found.offline:
        yield "offline_metric", {"model": one.model, "metric": one.metric}, one.mean


def _online(found: Monitoring) -> Iterator[tuple[str, dict[str, str], float | None]]:
    if found.online is None:
        return
    yield "online_lists", {}, found.online.n_lists
    yield "online_astray", {"why": "unknown"}, found.online.unknown
    yield "online_astray", {"why": "astray"}, found.online.astray
    for one in found.online.figures:
        of = {"model": one.model, "source": one.source}
        yield "online_lines", of, one.clicked.n
        for did in DID:
            share = getattr(one, did)
            for end, value in (("", share.share), ("_low", share.low), ("_high", share.high)):
                yield f"online_share{end}", {**of, "did": did}, value


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
