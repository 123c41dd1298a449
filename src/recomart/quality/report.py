"""The quality report: what came, what was wrong with it, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.engines import open_engine_for_tables, rows_of
from recomart.lake import hash_of
from recomart.quality.contract import rules_of
from recomart.quality.profile import profile_table
from recomart.quality.report_counts import NOTHING, count_source
from recomart.quality.report_model import PastScore, QualityReport, Sample, SourceQuality
from recomart.quality.report_page import page_of
from recomart.quality.score import overall, score_of
from recomart.vocabulary import COLUMNS_OF, QUARANTINE_COLUMNS

if TYPE_CHECKING:
    from pydantic import JsonValue

    from recomart.engines import Engine
    from recomart.lake import Manifest, Workbench
    from recomart.quality.profile import TableProfile
    from recomart.settings import Source

KEYS = {
    "events": ("user_id", "item_id", "event_type", "occurred_us"),
    "catalogue": ("item_id",),
    "item_properties": ("item_id", "occurred_us", "property", "value"),
    "categories": ("category_id",),
}
"""Columns that always matter to the score, by what the source holds."""
ATTRIBUTES = ("title", "description", "category_id", "price", "image")
"""Columns that may matter, too; others are rightly empty at times (a view has no quantity)."""
N_SAMPLES = 20
"""Quarantined rows shown for each rule."""
MAX_RAW = 240
"""Characters shown of a raw row."""


def quality_report(bench: Workbench) -> None:
    """Write the data set `quality`: the report as JSON and as a page. Raises IntegrityError.

    Both hold nothing but what follows from the data: no clock, no run. The same data
    give the same bytes.
    """
    parents = [
        manifest
        for name in bench.settings.sources
        for layer in ("valid", "quarantined")
        if (manifest := bench.lake.find(f"{layer}_{name}")) is not None
    ]
    with open_engine_for_tables(bench.settings.engine, bench.con, bench.spill) as engine:
        report = build_report(bench, engine, hash_of([parent.version for parent in parents]))
        samples = {s.name: quarantined_samples(bench, engine, s.name) for s in report.sources}
    draft = bench.draft("quality")
    draft.add_bytes("data_quality_report.json", report.model_dump_json(indent=1).encode())
    draft.add_bytes("data_quality_report.html", page_of(report, samples).encode())
    bench.commit(draft, parents, report.rows.model_dump(), _details(report, parents))
    bench.log.info("quality_reported", score=report.score, **report.rows.model_dump())


def build_report(bench: Workbench, engine: Engine, data: str = "") -> QualityReport:
    """Profile and score every source that was validated; `data` names the data reported on."""
    sources = tuple(
        _source(bench, engine, name, source, manifest)
        for name, source in bench.settings.sources.items()
        if (manifest := bench.lake.find(f"valid_{name}")) is not None
    )
    told = [source for source in sources if source.holds == "events"] or sources
    days = [source.counts.until for source in told if source.counts.until]
    return QualityReport(
        project=bench.settings.project,
        until=max(days, default=None),
        score=overall([source.score for source in sources]),
        rows=sum((source.counts.rows for source in sources), NOTHING),
        sources=sources,
        past=past_scores(bench.lake.history("quality"), data),
    )


def past_scores(versions: list[Manifest], data: str) -> tuple[PastScore, ...]:
    """Read the scores that earlier reports gave to other data, the latest for each day."""
    by_day = {}
    for version in versions:
        details = version.details
        if details.get("data") != data and details.get("until") is not None:
            by_day[str(details["until"])] = PastScore.model_validate(details["scores"])
    return tuple(by_day[day] for day in sorted(by_day))


def quarantined_samples(bench: Workbench, engine: Engine, name: str) -> list[Sample]:
    """Return the first quarantined rows of each rule, in the order of files and lines."""
    manifest = bench.lake.find(f"quarantined_{name}")
    if manifest is None or not manifest.rows:
        return []
    waiting = engine.read("waiting", bench.lake.paths(manifest.files), QUARANTINE_COLUMNS)
    broken = waiting.select(
        "file", "line", "rules", code=waiting.rules.split(" ").unnest(), raw=waiting.raw[:MAX_RAW]
    )
    place = ibis.row_number().over(group_by="code", order_by=["file", "line"])
    first = broken.mutate(place=place).filter(lambda t: t.place < N_SAMPLES)
    rows = first.select("code", "file", "line", "rules", "raw").order_by("code", "file", "line")
    return [Sample.model_validate(row) for row in rows_of(engine, rows)]


def columns_that_matter(source: Source, profile: TableProfile) -> dict[str, int]:
    """Return the columns whose empty cells lower the score, and how many are empty.

    Always the keys; attributes if the settings name them, and of a catalogue all it fills.
    """
    nulls = {column.name: column.nulls for column in profile.columns}
    named = {*KEYS[source.holds], *source.columns}
    if source.holds == "catalogue":
        named |= {name for name, n in nulls.items() if n < profile.rows}
    return {name: nulls[name] for name in (*KEYS[source.holds], *ATTRIBUTES) if name in named}


def _source(
    bench: Workbench, engine: Engine, name: str, source: Source, manifest: Manifest
) -> SourceQuality:
    counts = count_source(name, manifest, rules_of(source))
    paths = bench.lake.paths(manifest.files)
    valid = engine.read("valid", paths, COLUMNS_OF[source.holds])
    profile = profile_table(engine, valid, manifest.rows)
    nulls = columns_that_matter(source, profile)
    rows = counts.rows
    return SourceQuality(
        name=name,
        holds=source.holds,
        version=manifest.version,
        score=score_of(rows.valid, rows.quarantined, rows.duplicates, nulls),
        counts=counts,
        profile=profile,
    )


def _details(report: QualityReport, parents: list[Manifest]) -> dict[str, JsonValue]:
    """Return what a later report reads back as the past."""
    sources: dict[str, JsonValue] = {
        source.name: source.score.value for source in report.sources if source.score
    }
    return {
        "data": hash_of([parent.version for parent in parents]),
        "until": report.until,
        "scores": {"until": report.until, "overall": report.score, "sources": sources},
    }
