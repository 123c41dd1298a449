"""What the quality report says, as data: the content of `data_quality_report.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recomart.quality.profile import Part, TableProfile
from recomart.quality.report_counts import Outcome, SourceCounts  # noqa: TC001 - Pydantic reads it
from recomart.quality.score import FORMULA, Score


class Sample(Part):
    """A quarantined row, as the page shows it."""

    code: str
    file: str
    line: int
    rules: str
    raw: str


class SourceQuality(Part):
    """How good one source is."""

    name: str
    holds: str
    version: str = Field(description="of the valid data set")
    score: Score | None
    counts: SourceCounts
    profile: TableProfile = Field(description="of the valid rows")


class PastScore(Part):
    """An earlier report's scores, by the day its data went up to."""

    until: str
    overall: float | None
    sources: dict[str, float]


class QualityReport(Part):
    """What `data_quality_report.json` holds."""

    schema_version: Literal[1] = 1
    project: str
    until: str | None = Field(description="ISO date of the newest valid event")
    score: float | None = Field(ge=0, le=100)
    formula: tuple[str, ...] = FORMULA
    rows: Outcome
    sources: tuple[SourceQuality, ...]
    past: tuple[PastScore, ...] = Field((), description="oldest first; other data than this")
