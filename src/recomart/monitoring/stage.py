"""The monitoring stage: measure all there is to watch; as data, as a page, as metrics."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from recomart.evaluation.compare import Evaluation
from recomart.features.views import views_of
from recomart.monitoring.clicks import online
from recomart.monitoring.distances import Distances
from recomart.monitoring.drift import drifts
from recomart.monitoring.exposition import METRICS_FILE, exposition
from recomart.monitoring.model import Model, Monitoring, Offline, Quality
from recomart.monitoring.page import page_of
from recomart.monitoring.predictions import NAME as PREDICTIONS
from recomart.monitoring.reason import Reason
from recomart.monitoring.reasons import CANNOT, reasons_to_retrain
from recomart.monitoring.since import EVENTS, Found, Since
from recomart.ranking.aliases import PUBLISHED, find_champion
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from recomart.lake import Lake, Manifest, Workbench

DATASET = "monitoring"
FILES = ("monitoring.json", "monitoring.html", METRICS_FILE)
FIRST = Reason(
    name="first", now=None, threshold=None, verdict=True, says="there is no champion yet"
)


def monitor(bench: Workbench) -> None:
    """Write the data set `monitoring`: JSON, a page, and metrics in Prometheus' text format."""
    found = measured(bench)
    draft = bench.draft(DATASET)
    bodies = (found.model_dump_json(indent=1), page_of(found), exposition(found))
    for name, body in zip(FILES, bodies, strict=True):
        draft.add_bytes(name, body.encode())
    views = (view.dataset for view in views_of(bench.settings.features).values())
    parents = bench.current(EVENTS, "exposures", "quality", "evaluation", PUBLISHED, *views)
    speaking = [reason.name for reason in found.reasons if reason.verdict]
    bench.commit(draft, parents, details={"reasons": [*speaking]})
    for reason in found.reasons:
        bench.log.info("reason_measured", **reason.model_dump(exclude={"details"}))


def measured(bench: Workbench) -> Monitoring:
    """Measure everything; what cannot be measured says so, and harms nothing else."""
    lake, published = bench.lake, bench.lake.find(PUBLISHED)
    since = Since(bench, published) if published else None
    reasons = tuple(reasons_to_retrain(since)) if since else (FIRST,)
    return Monitoring(
        project=bench.settings.project,
        monitored_us=bench.now_us,
        published=_model(published),
        champion=_model(find_champion(lake)),
        reasons=reasons,
        features={one.feature: one.moved for one in _once(since, drifts) or ()},
        predictions=_predictions(reasons),
        offline=_offline(lake),
        quality=_quality(lake),
        online=_once(since, online),
        newest_event_us=_newest_event_us(bench),
        view_us=_view_us(bench),
    )


def _once(since: Since | None, measure: Callable[[Since], Found]) -> Found | None:
    """Measure what a reason may have measured; where it could not, the reason says why."""
    try:
        return since.once(measure) if since else None
    except CANNOT:
        return None


def read_monitoring(lake: Lake) -> Monitoring:
    """Return what was measured last. Raises DataSetNotFoundError."""
    return Monitoring.model_validate_json(lake.read(DATASET, FILES[0]))


def _model(manifest: Manifest | None) -> Model | None:
    if manifest is None:
        return None
    born = datetime.fromisoformat(manifest.created_at)
    return Model(
        number=manifest.number,
        name=str(manifest.details["model"]),
        version=manifest.version,
        published_us=int(born.timestamp()) * SECOND_US,
    )


def _predictions(reasons: tuple[Reason, ...]) -> dict[str, Distances]:
    details = next((one.details for one in reasons if one.name == PREDICTIONS), {})
    moved = details.get("moved")
    return (
        {name: Distances.model_validate(one) for name, one in moved.items()}
        if isinstance(moved, dict)
        else {}
    )


def _offline(lake: Lake) -> tuple[Offline, ...]:
    """Tell every metric of the models that were compared last."""
    if lake.find("evaluation") is None:
        return ()
    evaluation = Evaluation.model_validate_json(lake.read("evaluation", "evaluation.json"))
    return tuple(
        Offline(model=one.model, metric=metric, mean=at.mean, low=at.low, high=at.high)
        for one in evaluation.models
        for metric, at in one.metrics.items()
    )


def _quality(lake: Lake) -> Quality | None:
    """Read the scores that the quality reports left, the last of each day."""
    history = lake.history("quality")
    scores = [one.details["scores"] for one in history if one.details.get("until")]
    told = [one for one in scores if isinstance(one, dict)]
    if not told:
        return None
    by_day = {str(one["until"]): _number(one["overall"]) for one in told}
    sources = told[-1]["sources"]
    return Quality(
        score=_number(told[-1]["overall"]),
        sources=_numbers(sources if isinstance(sources, dict) else {}),
        past={day: score for day, score in sorted(by_day.items()) if score is not None},
    )


def _numbers(given: Mapping[str, object]) -> dict[str, float]:
    found = {name: _number(value) for name, value in given.items()}
    return {name: value for name, value in found.items() if value is not None}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _newest_event_us(bench: Workbench) -> int | None:
    events = bench.lake.find(EVENTS)
    if events is None or not events.rows:
        return None
    newest = max(file.partition for file in events.files if file.rows)
    table = bench.read(EVENTS, [newest])
    return int(bench.con.to_pyarrow(table.occurred_us.max()).as_py())


def _view_us(bench: Workbench) -> dict[str, int]:
    views = views_of(bench.settings.features)
    found = {name: bench.lake.find(view.dataset) for name, view in views.items()}
    return {
        name: int(str(manifest.details["at_us"]))
        for name, manifest in found.items()
        if manifest is not None and "at_us" in manifest.details
    }
