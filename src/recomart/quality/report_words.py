"""The words of the quality page: what a manager reads first, and how numbers are written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recomart.quality.profile import ColumnProfile
    from recomart.quality.report_counts import RuleCount
    from recomart.quality.report_model import QualityReport, SourceQuality

GOOD, FAIR = 90.0, 70.0
"""Scores from which data are called good, and fair."""
N_FAULTS = 3
"""Most frequent faults told in words."""
N_VALUES = 2
"""Most frequent values of a column told in its row."""


def verdict(score: float | None) -> str:
    """Say a score in one word."""
    if score is None:
        return "no data"
    return "good" if score >= GOOD else "fair" if score >= FAIR else "poor"


def how_good(report: QualityReport) -> str:
    """Say how many rows are fit for use."""
    rows = report.rows
    return (
        f"Of {rows.rows_in:,} rows that arrived, {rows.valid:,} "
        f"({share(rows.valid, rows.rows_in)}) are fit for use. The quality score is "
        f"{points(report.score)} of 100: {verdict(report.score)}."
    )


def what_is_wrong(report: QualityReport) -> str:
    """Name the rules that were broken most, over all sources."""
    broken = [
        (rule, source.name)
        for source in report.sources
        for rule in source.counts.rules
        if rule.violations and rule.action == "quarantine"
    ]
    broken.sort(key=lambda each: -each[0].violations)
    if not broken:
        return "No rule that guards the data was broken."
    told = "; ".join(
        f"“{sentence(rule)}” does not hold in {rule.violations:,} rows of {name} "
        f"({percent(rule.share)})"
        for rule, name in broken[:N_FAULTS]
    )
    return f"What is wrong most: {told}."


def what_was_done(report: QualityReport) -> str:
    """Say what became of the rows that cannot be used."""
    rows = report.rows
    done = []
    if rows.quarantined:
        done.append(
            f"{_of(rows.quarantined, 'row waits', 'rows wait')} in quarantine with file, line, "
            "reason and raw text; after a fix, “recomart quarantine replay” tries them again"
        )
    if rows.duplicates:
        told = _of(rows.duplicates, "exact repeat was", "exact repeats were")
        done.append(f"{told} left out, the first of each kept")
    if not done:
        return "Nothing had to be done: every row was taken."
    return f"What was done: {'; '.join(done)}. No value was changed or guessed."


def sentence(rule: RuleCount) -> str:
    """Return the rule as a sentence, or its code where it has none."""
    return rule.says or rule.code


def share(part: int, whole: int) -> str:
    """Write a part of a whole as a percentage."""
    return percent(part / whole) if whole else "–"


def percent(value: float) -> str:
    """Write a share with one decimal; never 0.0 % of something, never 100.0 % of less."""
    if 0 < value < 0.0005:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    if 0.9995 <= value < 1:
        return ">\N{NO-BREAK SPACE}99.9\N{NO-BREAK SPACE}%"
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def points(score: float | None) -> str:
    """Write a score with one decimal; never 100.0 for less than a hundred."""
    if score is None:
        return "–"
    return f"{score:.1f}" if score < 99.95 or score == 100 else "99.9"


def number(value: float | None) -> str:
    """Write a number as a person would: no needless digits."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.3g}"


def moment(us: float) -> str:
    """Write a time in microseconds as a UTC date and minute."""
    try:
        return f"{datetime.fromtimestamp(us / 1e6, timezone.utc):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return number(us)


def spread(column: ColumnProfile) -> str:
    """Say what a column holds in one cell: its range, or its most frequent values."""
    if column.kind in ("text", "yes_no"):
        return ", ".join(f"{_cut(top.value)} ({top.n:,})" for top in column.top[:N_VALUES])
    if column.min is None or column.max is None:
        return "–"
    if column.kind == "time":
        return f"{moment(column.min)} … {moment(column.max)}"
    middle = number(column.quantiles.get("p50"))
    return f"{number(column.min)} … {middle} … {number(column.max)}, mean {number(column.mean)}"


def about(source: SourceQuality) -> str:
    """Say in a line what a source is."""
    counts = source.counts
    files = "1 file" if counts.n_files == 1 else f"{counts.n_files:,} files"
    until = f", up to {counts.until}" if counts.until else ""
    control = (
        f" Control sum over all rows that arrived: {counts.control_sum:,.2f}."
        if counts.control_sum is not None
        else ""
    )
    return f"{counts.rows.rows_in:,} rows of {source.holds} in {files}{until}.{control}"


def _of(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _cut(text: str, length: int = 26) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
