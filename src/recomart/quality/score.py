"""The quality score: one number from 0 to 100, by a formula that anybody can recompute.

Each dimension is a share from 0 to 1 and each can only fall when a row turns bad, is added
bad, is repeated, or loses a cell; so can the score. That is why all of them are measured
against rows that should have been usable, never against rows that merely arrived: a further
bad row must not thin out the faults of the others.

Timeliness and consistency are not scored. How old data may be, and which sources must agree,
differs from shop to shop; what can be said of a row (a time in the future, a value that is
not allowed) is a rule, and counts under validity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from recomart.quality.profile import Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETENESS, VALIDITY, UNIQUENESS = "completeness", "validity", "uniqueness"
WEIGHTS = {COMPLETENESS: 0.3, VALIDITY: 0.5, UNIQUENESS: 0.2}
FORMULA = (
    "score = 100 × (0.3 × completeness + 0.5 × validity + 0.2 × uniqueness)",
    "completeness = filled cells of valid rows ÷ (columns that matter × (valid + quarantined))",
    "validity = valid ÷ (valid + quarantined)",
    "uniqueness = valid ÷ (valid + duplicates)",
    "A quarantined row delivers no cell. A source without rows has no score.",
    "The score of all sources is their plain mean.",
)
"""The formula, as the report prints it."""


class Dimension(Part):
    """One part of a score."""

    name: str
    weight: float = Field(gt=0, le=1)
    share: float = Field(ge=0, le=1)


class Score(Part):
    """The quality score of a source, and what it is made of."""

    value: float = Field(ge=0, le=100)
    dimensions: tuple[Dimension, ...]


def score_of(
    valid: int, quarantined: int, duplicates: int, nulls: Mapping[str, int]
) -> Score | None:
    """Score a source; None where it has no rows.

    valid, quarantined, duplicates   rows by outcome
    nulls                            valid rows without a value, by column that matters
    """
    if not valid + quarantined + duplicates:
        return None
    cells = len(nulls) * valid
    filled = (cells - sum(nulls.values())) / cells if cells else float(valid > 0)
    validity = valid / (valid + quarantined) if valid else 0.0
    shares = {
        COMPLETENESS: filled * validity,
        VALIDITY: validity,
        UNIQUENESS: valid / (valid + duplicates) if valid else 0.0,
    }
    dimensions = tuple(
        Dimension(name=name, weight=weight, share=shares[name]) for name, weight in WEIGHTS.items()
    )
    total = sum(each.weight * each.share for each in dimensions)
    return Score(value=min(100.0, round(100 * total, 2)), dimensions=dimensions)


def overall(scores: Sequence[Score | None]) -> float | None:
    """Return the plain mean of the sources that have a score; None where none has."""
    values = [score.value for score in scores if score is not None]
    return round(sum(values) / len(values), 2) if values else None
