"""Confidence: the share of what was wanted that stood this low, or lower, in such a list.

Split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005; Angelopoulos and Bates, "Conformal Prediction: A Gentle Introduction", 2023), calibrated on
the last window before the test window. The nonconformity of an item is its rank in the list: the
score of a ranker compares within one list only, a rank across lists as well. Calibration is apart
for kinds of users and of items (Mondrian, or label-conditional, conformal prediction), and every
user counts alike, however much they took (hierarchical conformal prediction: Lee, Barber and
Willett, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, Field

from recomart.errors import ArtefactError
from recomart.ranking.segments import USER_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LEAST_USERS = 10
"""A kind of user and item with fewer is judged together with all users, or with everything."""
N_GROUPS = 2 * len(USER_SEGMENTS)


class Stored(BaseModel, frozen=True, extra="forbid"):
    """The artefact."""

    format: Literal[1] = 1
    levels: tuple[tuple[float, ...], ...] = Field(min_length=N_GROUPS, max_length=N_GROUPS)
    list_recall: float
    n_users: int


@dataclass(frozen=True)
class Truths:
    """What users of a window wanted, and where it stood in their lists.

    users     int32, shape (n_truths,)
    segments  int8, kind of user; see `recomart.ranking.segments.user_segment`
    is_tail   bool, kind of item
    ranks     float32, 1 is best; inf where the list did not hold it
    """

    users: NDArray[np.int32]
    segments: NDArray[np.int8]
    is_tail: NDArray[np.bool_]
    ranks: NDArray[np.float32]

    @property
    def found(self) -> Truths:
        """Those that stood in a list at all."""
        return self.take(np.isfinite(self.ranks))

    def take(self, kept: NDArray[np.bool_]) -> Truths:
        """Return some of them."""
        return Truths(self.users[kept], self.segments[kept], self.is_tail[kept], self.ranks[kept])

    def weights(self) -> NDArray[np.float64]:
        """Return 1 / number of truths of the same user: every user counts 1."""
        _, place, counts = np.unique(self.users, return_inverse=True, return_counts=True)
        shares: NDArray[np.float64] = 1 / counts[place]
        return shares


@dataclass(frozen=True)
class Confidence:
    """Levels by rank and kind: ``p = (1 + users whose truth stood as low or lower) / (users + 1)``.

    An item is in the set of level 1 - α where p > α. Of items that were wanted, and that the list
    holds, the set of their user contains at least 1 - α, if the window to come is like the one of
    calibration.

    levels         float64, shape (6, n_ranks): p of kind ``3 * is_tail + user segment`` at rank
                   1, 2, …; never rising along a row
    list_recall    share of what was wanted that the lists held; no set can cover more of all
    n_users        users of the calibration window
    """

    levels: NDArray[np.float64]
    list_recall: float
    n_users: int

    @classmethod
    def fit(cls, truths: Truths, n_ranks: int) -> Confidence:
        """Calibrate on what a window's users wanted; lists had at most `n_ranks` items."""
        held = truths.found
        whole = _levels(held, n_ranks)
        levels = np.empty((N_GROUPS, n_ranks))
        for tail in (False, True):
            of_kind = held.take(held.is_tail == tail)
            fallback = _levels(of_kind, n_ranks) if _is_enough(of_kind) else whole
            for segment in range(len(USER_SEGMENTS)):
                part = of_kind.take(of_kind.segments == segment)
                group = len(USER_SEGMENTS) * tail + segment
                levels[group] = _levels(part, n_ranks) if _is_enough(part) else fallback
        weights = truths.weights()
        recall = float(weights[np.isfinite(truths.ranks)].sum() / max(weights.sum(), 1e-12))
        return cls(levels, recall, len(np.unique(truths.users)))

    def of(
        self,
        segments: NDArray[np.integer],
        is_tail: NDArray[np.bool_],
        ranks: NDArray[np.floating],
    ) -> NDArray[np.float64]:
        """Return the confidence of items at ranks (1 is best), in (0, 1]; 0 beyond the lists."""
        groups = len(USER_SEGMENTS) * is_tail.astype(np.int64) + segments
        n_ranks = self.levels.shape[1]
        inside = ranks <= n_ranks
        places = np.where(inside, ranks, 1).astype(np.int64) - 1
        return np.where(inside, self.levels[groups, places], 0.0)

    def to_bytes(self) -> bytes:
        """Return the artefact, JSON."""
        stored = Stored(
            levels=tuple(map(tuple, self.levels.tolist())),
            list_recall=self.list_recall,
            n_users=self.n_users,
        )
        return stored.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> Confidence:
        """Make it again. Raises ArtefactError."""
        try:
            stored = Stored.model_validate_json(body)
            levels = np.array(stored.levels, dtype=np.float64)
        except ValueError:  # pydantic's too
            raise _refused() from None
        falls = levels.ndim == 2 and bool((np.diff(levels, axis=1) <= 0).all())
        if not falls or not bool(((levels >= 0) & (levels <= 1)).all()):
            raise _refused()
        return cls(levels, stored.list_recall, stored.n_users)


def _refused() -> ArtefactError:
    return ArtefactError(
        f"The stored confidence is not {N_GROUPS} rows of falling levels.",
        remedy="Run `recomart train-ranker --force`, or restore a backup.",
    )


def coverage(
    confidence: Confidence, truths: Truths, level: float, parts: Mapping[str, NDArray[np.bool_]]
) -> dict[str, tuple[float | None, int]]:
    """Measure the share of truths in a list that their set contains, user by user: (share, users).

    level  the nominal coverage, 1 - α
    parts  name → which truths belong to it
    """
    inside = np.isfinite(truths.ranks)
    ranks = np.where(inside, truths.ranks, 1)
    is_covered = confidence.of(truths.segments, truths.is_tail, ranks) > 1 - level
    found = {}
    for name, chosen in parts.items():
        kept = inside & chosen
        weights = truths.take(kept).weights()
        share = float((weights * is_covered[kept]).sum() / weights.sum()) if kept.any() else None
        found[name] = (share, len(np.unique(truths.users[kept])))
    return found


def _is_enough(truths: Truths) -> bool:
    return len(np.unique(truths.users)) >= LEAST_USERS


def _levels(truths: Truths, n_ranks: int) -> NDArray[np.float64]:
    """Return p at rank 1 … n_ranks from the truths of one kind; 1 everywhere if there are none."""
    at_rank = np.bincount(
        truths.ranks.astype(np.int64), weights=truths.weights(), minlength=n_ranks + 1
    )
    as_low = np.cumsum(at_rank[::-1])[::-1][1 : n_ranks + 1]
    levels: NDArray[np.float64] = (1 + as_low) / (1 + at_rank.sum())
    return np.minimum(levels, 1.0)
