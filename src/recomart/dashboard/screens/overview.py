"""The overview: what runs, which model, how fresh, how good, in one glance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from recomart.dashboard import figures, look, service, words
from recomart.dashboard.records import Exploration, Quality
from recomart.errors import RecomartError
from recomart.vocabulary import LAYERS, SECOND_US, layer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.dashboard.look import Tile, Tone
    from recomart.dashboard.shop import Shop

EPOCH = date(1970, 1, 1)
MOST_MODELS = 6
GOOD_SCORE = 95.0


def show(shop: Shop) -> None:
    """Show it."""
    if not shop.lake.names():
        look.empty(
            "Nothing has been brought in yet",
            "A run takes the shop's files to checked data, features, models and lists.",
            "recomart run",
        )
        return
    told: list[Tile] = []
    wrong: list[RecomartError] = []
    for tile in (_model, _goodness, _quality, _freshness, _service, _last_run):
        try:
            told.append(tile(shop))
        except RecomartError as error:  # noqa: PERF203 - the other tiles stand
            told.append((tile.__name__.strip("_").replace("_", " "), "!", error.code, "warn"))
            wrong.append(error)
    look.tiles(told)
    for one in wrong:
        look.problem(one)
    with look.guarded():
        _attention(shop)
    left, right = st.columns(2, gap="medium")
    with left, look.guarded():
        _activity(shop)
    with right, look.guarded():
        _models(shop)
    with look.guarded():
        _layers(shop)


def _model(shop: Shop) -> Tile:
    found = shop.champion()
    if found is None:
        return "Serves now", "none", "nothing is published yet", "warn"
    manifest, hold = found
    held = ", held" if hold.number is not None else ""
    note = f"number {manifest.number}{held}, published {words.since(manifest.created_at)}"
    return "Serves now", str(manifest.details["model"]), note, "good"


def _goodness(shop: Shop) -> Tile:
    told = shop.evaluation()
    if told is None:
        return "How good", "–", "not evaluated yet", "warn"
    metric = told.main_metric
    model = told.figures_of(told.decision.serve)
    found = model.metrics.get(metric) if model else None
    if found is None or found.mean is None:
        return metric.upper(), "–", "no figure", "warn"
    popular = told.figures_of("popularity")
    least = popular.metrics[metric].mean if popular and metric in popular.metrics else None
    lift = f", × {found.mean / least:.1f} of popularity" if least else ""
    span = f"{found.low or 0:.3f} to {found.high or 0:.3f}{lift}"
    return metric.upper(), f"{found.mean:.4f}", span, "good"


def _quality(shop: Shop) -> Tile:
    told = shop.record(Quality, "quality", "data_quality_report.json")
    if told is None or told.score is None:
        return "Data quality", "–", "no report yet", "warn"
    note = f"of 100; {told.rows.quarantined:,} of {told.rows.rows_in:,} rows in quarantine"
    return "Data quality", f"{told.score:.1f}", note, "good" if told.score >= GOOD_SCORE else "warn"


def _freshness(shop: Shop) -> Tile:
    told = shop.record(Exploration, "exploration", "eda.json")
    if told is None or told.overview.last_us is None:
        return "Newest event", "–", "not prepared yet", "warn"
    last_s = told.overview.last_us / SECOND_US
    age_s = words.now_s() - last_s
    note = f"old; {told.overview.n_events:,} events of {told.overview.n_users:,} users"
    return (
        "Newest event",
        words.span(age_s),
        note,
        "good" if age_s < 172_800 else "warn",
    )


def _service(shop: Shop) -> Tile:
    try:
        found = service.ask(shop, lambda client: client.health())
    except RecomartError:
        return "Service", "not running", "recomart serve starts it", ""
    trouble = found.troubles[0] if found.troubles else f"serves number {found.model.number}"
    return "Service", found.status, trouble, "good" if found.status == "ok" else "warn"


def _last_run(shop: Shop) -> Tile:
    runs = shop.runs()
    if not runs:
        return "Last run", "–", "there was none"
    last = runs[0]
    tone: Tone = "good" if last.outcome in ("done", "skipped") else "warn"
    note = f"{words.since(last.started_at)}, took {words.span(last.seconds)}"
    return "Last run", last.outcome, note, tone


def _attention(shop: Shop) -> None:
    told = list(_wants_attention(shop))
    if told:
        look.heading("Worth a look")
        look.notes((sentence, "warn") for sentence in told)


def _wants_attention(shop: Shop) -> Iterator[str]:
    """Yield what a person should know today."""
    for run in shop.runs()[:1]:
        failed = [stage for stage in run.stages if stage.error]
        yield from (f"The last run failed in {one.stage}: {one.error}" for one in failed)
    found, newest = shop.champion(), shop.find("published_model")
    if found and newest and found[0].number != newest.number:
        why = f" ({found[1].why})" if found[1].why else ""
        yield (
            f"Number {found[0].number} is held{why}; the newer number {newest.number} waits for "
            "promotion: see Experiments."
        )
    quality = shop.record(Quality, "quality", "data_quality_report.json")
    for source in quality.sources if quality else ():
        if source.score is None:
            yield f"The source {source.name} has no rows."
        elif source.score.value < GOOD_SCORE:
            yield f"The source {source.name} scores {source.score.value:.1f} of 100."


def _activity(shop: Shop) -> None:
    told = shop.record(Exploration, "exploration", "eda.json")
    look.heading("What people do", "Events a day, by type.")
    if told is None or not told.activity:
        look.empty("No pictures yet", "The stage explore counts the events.", "recomart explore")
        return
    totals: dict[str, int] = {}
    for one in told.activity:
        totals[one.event_type] = totals.get(one.event_type, 0) + one.n
    order = {name: n for n, name in enumerate(sorted(totals, key=totals.__getitem__)[::-1])}
    rows = [
        {
            "when": (EPOCH + timedelta(days=one.day)).isoformat(),
            "what": one.event_type,
            "value": one.n,
            "order": order[one.event_type],
        }
        for one in sorted(told.activity, key=lambda one: order[one.event_type])
    ]
    figures.over_time(rows, "events", "Events a day, by type, UTC.", "activity", stacked=True)


def _models(shop: Shop) -> None:
    told = shop.evaluation()
    look.heading("How good the models are", "On what happened after they had learned.")
    if told is None:
        look.empty("Not evaluated yet", "A run compares the models.", "recomart evaluate")
        return
    metric = told.main_metric
    known = [one for one in told.models if metric in one.metrics]
    best = sorted(known, key=lambda one: -(one.metrics[metric].mean or 0))[:MOST_MODELS]
    rows = [
        {
            "what": one.model,
            **one.metrics[metric].model_dump(),
            "tone": "best" if one.model == told.decision.serve else "plain",
        }
        for one in best
    ]
    says = f"{metric.upper()} with 95 % intervals, {told.data.n_test_users:,} test users."
    figures.intervals(rows, metric.upper(), says, "models")


def _layers(shop: Shop) -> None:
    look.heading("From raw files to lists", "Every data set is a version with a manifest.")
    by_layer: dict[str, list[str]] = {layer: [] for layer in LAYERS}
    for name in shop.lake.names():
        by_layer[layer_of(name)].append(name)
    rows = []
    for layer, names in by_layer.items():
        manifests = [found for name in names if (found := shop.find(name))]
        newest = max((one.created_at for one in manifests), default="")
        rows.append(
            (
                layer,
                len(manifests),
                sum(one.rows for one in manifests),
                sum(len(one.files) for one in manifests),
                words.since(newest) if newest else "–",
                ", ".join(sorted({one.name for one in manifests})[:6])
                + (" …" if len(manifests) > 6 else ""),
            )
        )
    look.table(("layer", "data sets", "rows", "files", "newest", "which"), rows)
