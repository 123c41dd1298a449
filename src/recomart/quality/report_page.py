"""The quality report as a page: how good, what is wrong most, what was done, then the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.pages import Page, bars, columns, histogram, lines
from recomart.quality.report_words import (
    about,
    how_good,
    points,
    sentence,
    share,
    spread,
    verdict,
    what_is_wrong,
    what_was_done,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recomart.quality.profile import ColumnProfile, TableProfile
    from recomart.quality.report_model import QualityReport, Sample, SourceQuality

N_BARS = 12
"""Rules and columns drawn in one picture."""
N_HISTOGRAMS = 4
OUTCOMES = {"valid": "fit for use", "quarantined": "in quarantine", "duplicates": "exact repeats"}


def page_of(report: QualityReport, samples: Mapping[str, Sequence[Sample]]) -> str:
    """Return the page as HTML; `samples` holds quarantined rows by source."""
    score = "no data" if report.score is None else f"{points(report.score)} of 100"
    page = Page(
        title="Data quality",
        subtitle=f"{report.project}, data up to {report.until or '–'}",
        badge=score if report.score is None else f"{score}: {verdict(report.score)}",
    )
    _first_screen(page, report)
    _over_sources(page, report)
    for source in report.sources:
        _one_source(page, source, samples.get(source.name, ()))
    page.section("How the score is made", "Each part is a share from 0 to 1; all can be checked.")
    page.code("\n".join(report.formula))
    return page.html()


def _first_screen(page: Page, report: QualityReport) -> None:
    rows = report.rows
    n_files = sum(source.counts.n_files for source in report.sources)
    page.tiles(
        [
            ("Quality score", points(report.score), f"of 100: {verdict(report.score)}"),
            ("Rows that arrived", f"{rows.rows_in:,}", f"in {n_files:,} files"),
            ("Fit for use", f"{rows.valid:,}", share(rows.valid, rows.rows_in)),
            ("In quarantine", f"{rows.quarantined:,}", share(rows.quarantined, rows.rows_in)),
            ("Exact repeats", f"{rows.duplicates:,}", share(rows.duplicates, rows.rows_in)),
        ]
    )
    if not rows.rows_in:
        page.note("No rows have arrived yet, so there is nothing to judge.")
        return
    page.note(how_good(report), "good" if verdict(report.score) == "good" else "info")
    page.note(what_is_wrong(report), "warn" if rows.quarantined else "good")
    page.note(what_was_done(report))


def _over_sources(page: Page, report: QualityReport) -> None:
    scored = [source for source in report.sources if source.score]
    if not scored:
        return
    page.section("At a glance")
    page.figure(_outcomes(scored), "What became of the rows that arrived.")
    page.figure(_dimensions(scored), "What the score is made of; 100 % is faultless.")
    if report.past:
        page.figure(_over_time(report), "The score of this and of earlier reports.")
    head = ("source", "holds", "files", "rows in", *OUTCOMES.values(), "score")
    page.table(head, [_in_a_row(source) for source in report.sources])


def _in_a_row(source: SourceQuality) -> tuple[object, ...]:
    counts = source.counts
    rows = (counts.rows.valid, counts.rows.quarantined, counts.rows.duplicates)
    score = source.score.value if source.score else None
    return (source.name, source.holds, counts.n_files, counts.rows.rows_in, *rows, score)


def _outcomes(sources: Sequence[SourceQuality]) -> str:
    """Draw rows by outcome: as counts of one source, as shares of several."""
    if len(sources) == 1:
        rows = sources[0].counts.rows.model_dump()
        return bars([*OUTCOMES.values()], [rows[name] for name in OUTCOMES], "rows")
    series = {
        says: [100 * getattr(s.counts.rows, name) / s.counts.rows.rows_in for s in sources]
        for name, says in OUTCOMES.items()
    }
    return columns([source.name for source in sources], series, "", "% of rows")


def _dimensions(sources: Sequence[SourceQuality]) -> str:
    """Draw the share of each dimension, a bar for each of every source."""
    drawn = [
        (each.name if len(sources) == 1 else f"{source.name}: {each.name}", 100 * each.share)
        for source in sources
        for each in (source.score.dimensions if source.score else ())
    ]
    return bars([name for name, _ in drawn], [value for _, value in drawn], "%")


def _over_time(report: QualityReport) -> str:
    days = [*(point.until for point in report.past), report.until or "now"]
    series = {"all sources": [*(point.overall for point in report.past), report.score]}
    if len(report.sources) > 1:
        for source in report.sources:
            now = source.score.value if source.score else None
            series[source.name] = [*(p.sources.get(source.name) for p in report.past), now]
    drawn = {name: np.array(values, dtype=np.float64) for name, values in series.items()}
    return lines(days, drawn, "data up to", "score")


def _one_source(page: Page, source: SourceQuality, samples: Sequence[Sample]) -> None:
    page.section(f"Source {source.name}", about(source))
    _rules(page, source)
    _by_date(page, source)
    _columns(page, source)
    _worst_files(page, source)
    _samples(page, source, samples)


def _rules(page: Page, source: SourceQuality) -> None:
    broken = [rule for rule in source.counts.rules if rule.violations][:N_BARS]
    if broken:
        labels = [sentence(rule) for rule in broken]
        says = "Rows for which each rule does not hold. A row may break several."
        page.figure(bars(labels, [rule.violations for rule in broken], "rows"), says)
    rows = [
        (
            rule.code,
            sentence(rule),
            "to quarantine" if rule.action == "quarantine" else "counted only",
            rule.violations,
            share(rule.violations, source.counts.rows.rows_in),
            rule.distinct,
        )
        for rule in source.counts.rules
    ]
    head = ("rule", "what must hold", "a row that breaks it", "rows", "share", "distinct")
    page.table(head, rows)


def _by_date(page: Page, source: SourceQuality) -> None:
    dates = [day for day in source.counts.dates if day.rows.rows_in]
    if len(dates) < 2:
        return
    series = {
        says: [100 * getattr(day.rows, name) / day.rows.rows_in for day in dates]
        for name, says in OUTCOMES.items()
        if name != "valid"
    }
    drawn = lines([day.date for day in dates], series, "date of the file", "% of rows")
    page.figure(
        drawn, "Rows that cannot be used, over time. A jump hints at a fault at the source."
    )


def _columns(page: Page, source: SourceQuality) -> None:
    profile = source.profile
    if not profile.rows:
        return
    _empty_cells(page, profile)
    told = f"; distinct values are estimated, typical ones are of {profile.examined:,} rows"
    page.table(
        ("column", "kind", "empty", "share", "distinct", "what it holds"),
        [
            (c.name, c.kind, c.nulls, share(c.nulls, c.rows), c.distinct, spread(c))
            for c in profile.columns
            if c.nulls < c.rows
        ],
        "Numbers: least … median … greatest, mean. Text: the most frequent values"
        f"{'' if profile.is_whole else told}. {_never_filled(profile)}",
    )
    numbers = [each for each in profile.columns if each.kind == "number" and each.distinct > 2]
    for column in numbers[:N_HISTOGRAMS]:
        _histogram(page, column)


def _empty_cells(page: Page, profile: TableProfile) -> None:
    """Draw how empty the columns are that are filled at times."""
    gaps = [column for column in profile.columns if 0 < column.nulls < column.rows]
    gaps = sorted(gaps, key=lambda column: -column.nulls)[:N_BARS]
    if gaps:
        shares = [100 * column.nulls / profile.rows for column in gaps]
        drawn = bars([column.name for column in gaps], shares, "% of valid rows")
        page.figure(drawn, "Columns with empty cells among the valid rows.")


def _never_filled(profile: TableProfile) -> str:
    names = [column.name for column in profile.columns if column.nulls == column.rows]
    return f"This source never fills {', '.join(names)}." if names else ""


def _histogram(page: Page, column: ColumnProfile) -> None:
    found = column.histogram
    if found is None or found.low == found.high:
        return
    edges = np.linspace(found.low, found.high, len(found.counts) + 1)
    page.figure(
        histogram(binned=(edges, np.array(found.counts)), x_unit=column.name),
        f"{column.name}: at least 98 % of its values lie here; the outer bars hold the rest, too.",
    )


def _worst_files(page: Page, source: SourceQuality) -> None:
    worst = source.counts.worst_files
    if not worst:
        return
    page.table(
        ("file", "rows in", *OUTCOMES.values(), "share lost"),
        [
            (
                each.file,
                each.rows.rows_in,
                *(getattr(each.rows, name) for name in OUTCOMES),
                share(each.rows.rows_in - each.rows.valid, each.rows.rows_in),
            )
            for each in worst
        ],
        "The files with most rows that cannot be used.",
    )
    for each in worst:
        for warning in each.warnings:
            page.note(f"{each.file}: {warning}", "warn")


def _samples(page: Page, source: SourceQuality, samples: Sequence[Sample]) -> None:
    """Show the first rows of each rule, the rule that is broken most first."""
    order = {rule.code: place for place, rule in enumerate(source.counts.rules)}
    says = {rule.code: sentence(rule) for rule in source.counts.rules}
    for code in sorted({sample.code for sample in samples}, key=lambda code: order.get(code, 99)):
        page.table(
            ("file", "line", "row as it came", "also breaks"),
            [(s.file, s.line, s.raw, _others(s)) for s in samples if s.code == code],
            f"First rows in quarantine under {code}: {says.get(code, code)}.",
        )


def _others(sample: Sample) -> str:
    return ", ".join(code for code in sample.rules.split() if code != sample.code)
