"""Data quality: the score over time, the rules that were broken, and the rows in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from recomart.dashboard import figures, look
from recomart.dashboard.records import Quality
from recomart.errors import ArtefactError

if TYPE_CHECKING:
    from recomart.dashboard.records import SourceQuality
    from recomart.dashboard.shop import Shop

REPORT = "data_quality_report.json"
PAGE_ROWS = 12
MOST_ROWS = 20_000
"""Rows in quarantine that are looked through, the newest files first."""
ALL = "all"
QUARANTINE = ("file", "line", "rules", "raw")


def show(shop: Shop) -> None:
    """Show it."""
    told = shop.record(Quality, "quality", REPORT)
    if told is None:
        look.empty(
            "No quality report yet",
            "A run holds every row to its contract, counts what breaks it, and scores the rest.",
            "recomart run",
        )
        return
    rows, until = told.rows, told.until or "–"
    look.tiles(
        [
            ("Quality score", "–" if told.score is None else f"{told.score:.2f}", "of 100"),
            ("Rows in", f"{rows.rows_in:,}", f"up to {until}"),
            ("Valid", f"{rows.valid:,}", _share(rows.valid, rows.rows_in)),
            ("Quarantined", f"{rows.quarantined:,}", _share(rows.quarantined, rows.rows_in)),
            ("Duplicates", f"{rows.duplicates:,}", "exact repeats, kept once"),
        ]
    )
    with look.guarded():
        _over_time(shop, told)
    if not told.sources:
        return
    names = [one.name for one in told.sources]
    look.heading("One source", "What it scored, and which rules its rows broke.")
    chosen = st.selectbox("Source", names, key="quality-source", label_visibility="collapsed")
    source = next(one for one in told.sources if one.name == chosen)
    with look.guarded():
        _source(source)
    with look.guarded():
        _quarantine(shop, source)
    with st.expander("How the score is made"):
        for line in told.formula:
            look.text(line)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%} of the rows" if whole else "of no rows"


def _over_time(shop: Shop, told: Quality) -> None:
    look.heading("Score over time", "One point a report; a report is made when data changed.")
    points = _points(shop)
    if len({point["when"] for point in points}) > 1:
        figures.over_time(points, "score, 0 to 100", "Quality score of each report.", "score")
        return
    look.text("There is one report so far; the score's course shows from the second one on.")
    rows = [
        {
            "when": day.date,
            "what": source.name,
            "value": 100 * day.rows.quarantined / day.rows.rows_in,
        }
        for source in told.sources
        if len(source.counts.dates) > 1
        for day in source.counts.dates
        if day.date and day.rows.rows_in
    ]
    if rows:
        says = "Rows in quarantine, as a share of each day's rows."
        figures.over_time(rows, "% of the day's rows", says, "days")


def _points(shop: Shop) -> list[dict[str, Any]]:
    """Return the scores that each report's manifest keeps, and those of all together."""
    points: list[dict[str, Any]] = []
    for manifest in shop.history("quality"):
        scores: Any = manifest.details.get("scores")
        if not isinstance(scores, dict):
            continue
        sources = scores.get("sources")
        by_name = {"all": scores.get("overall"), **(sources if isinstance(sources, dict) else {})}
        points += [
            {"when": manifest.created_at, "what": str(name), "value": value}
            for name, value in by_name.items()
            if isinstance(value, (int, float))
        ]
    return points


def _source(source: SourceQuality) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        if source.score is None:
            look.empty("No rows", "A source without rows has no score.")
        else:
            rows = [
                {"what": one.name, "value": round(100 * one.share, 3)}
                for one in source.score.dimensions
            ]
            says = f"What the score {source.score.value:.2f} is made of; 100 % is the best."
            figures.bars(rows, "%", says, "dimensions")
    with right:
        rules = sorted(source.counts.rules, key=lambda one: -one.violations)
        broken = [one for one in rules if one.violations]
        if not broken:
            look.notes([(f"All {len(rules)} rules are kept by every row.", "good")])
        else:
            most = broken[0].violations
            table = [
                (one.code, one.says, one.violations, look.bar(one.violations / most))
                for one in broken
            ]
            look.table(("rule", "says that", "broken", ""), table)
            look.text(f"{len(rules) - len(broken)} further rules are kept by every row.")


def _quarantine(shop: Shop, source: SourceQuality) -> None:
    look.heading(
        "Quarantine", "Rows that broke a rule, as they came. Nothing is dropped: mend, then replay."
    )
    rows = quarantined(shop, source.name)
    if not rows:
        look.notes([(f"No row of {source.name} is in quarantine.", "good")])
        return
    rules = sorted({rule for row in rows for rule in str(row["rules"]).split()})
    left, middle, right = st.columns([2, 3, 1], vertical_alignment="bottom")
    rule = left.selectbox("Rule", [ALL, *rules], key=f"rule-{source.name}")
    wanted = middle.text_input("Text in the row", key=f"text-{source.name}")
    found = [
        row
        for row in rows
        if (rule in {None, ALL} or rule in str(row["rules"]).split())
        and wanted.casefold() in str(row["raw"]).casefold()
    ]
    pages = max(1, -(-len(found) // PAGE_ROWS))
    place = right.number_input("Page", 1, pages, key=f"page-{source.name}-{rule}-{wanted}")
    shown = found[(place - 1) * PAGE_ROWS : place * PAGE_ROWS]
    look.table(
        ("file", "line", "rules", "the row as it came"),
        [
            (
                look.whole(str(row["file"]).rpartition("/")[2]),
                row["line"],
                look.pills(str(row["rules"]).split()),
                look.raw(str(row["raw"])),
            )
            for row in shown
        ],
    )
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        look.text(
            f"{len(found):,} rows, page {place} of {pages}. "
            "Try them again with: recomart quarantine replay"
        )
    with right:
        table = [[row[name] for name in QUARANTINE] for row in found]
        look.export(f"quarantine-{source.name}", QUARANTINE, table)


def quarantined(shop: Shop, source: str) -> list[dict[str, Any]]:
    """Return rows of a source in quarantine, those of the newest files first."""
    manifest = shop.find(f"quarantined_{source}")
    if manifest is None:
        return []
    files, n = [], 0
    for entry in sorted(manifest.files, key=lambda one: one.partition, reverse=True):
        if entry.rows and n < MOST_ROWS:
            files.append(entry)
            n += entry.rows
    key = ("quarantined", source, manifest.number)
    rows: list[dict[str, Any]] = shop.once(key, lambda: shop.rows_of(files).to_pylist())
    if rows and set(QUARANTINE) - set(rows[0]):
        raise ArtefactError(
            f"quarantined_{source} has not the columns {', '.join(QUARANTINE)}.",
            remedy="Run `recomart validate --force`.",
        )
    return rows
