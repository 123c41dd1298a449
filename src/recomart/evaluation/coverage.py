"""Confidence held to what happened: the share of what was wanted that sets of 90 % contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from recomart.ranking.confidence import Truths, coverage
from recomart.ranking.segments import USER_SEGMENTS, is_tail, segment_of, users_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.base import TopN
    from recomart.ranking.confidence import Confidence
    from recomart.ranking.questions import Question

ALL = "all"


class Covered(BaseModel, frozen=True, extra="forbid"):
    """One kind of users or items; null where nothing of it was in a list."""

    coverage: float | None
    n_users: int
    set_size: float | None


class Coverage(BaseModel, frozen=True, extra="forbid"):
    """Measured on the test window, for what the lists held."""

    model: str
    level: float
    list_length: int
    list_recall: float
    calibrated_recall: float
    n_calibrated: int
    parts: dict[str, Covered]


def measure(
    model: str,
    confidence: Confidence,
    lists: TopN,
    ranks: NDArray[np.float32],
    question: Question,
    *,
    level: float,
    light: int,
) -> Coverage:
    """Measure the coverage of sets of one level.

    lists  of the model, as long as those of calibration
    ranks  of the entries of `question.relevant` in them, inf where they are not there
    """
    truths = truths_of(ranks, question, light)
    parts = _parts(truths)
    found = coverage(confidence, truths, level, parts)
    sizes = _set_sizes(confidence, lists, question, level, light)
    inside = np.isfinite(truths.ranks)
    weights = truths.weights()
    return Coverage(
        model=model,
        level=level,
        list_length=int(lists.items.shape[1]),
        list_recall=float((weights * inside).sum() / weights.sum()),
        calibrated_recall=confidence.list_recall,
        n_calibrated=confidence.n_users,
        parts={
            name: Covered(coverage=share, n_users=n_users, set_size=sizes.get(name))
            for name, (share, n_users) in found.items()
        },
    )


def truths_of(ranks: NDArray[np.float32], question: Question, light: int) -> Truths:
    """Return what the users of a question wanted, and where it stood in lists."""
    relevant = question.relevant
    rows = np.repeat(np.arange(relevant.shape[0], dtype=np.int32), np.diff(relevant.indptr))
    lengths = np.diff(question.history.indptr)
    return Truths(
        users=rows,
        segments=segment_of(lengths, light)[rows],
        is_tail=_tail_items(question)[relevant.indices],
        ranks=ranks,
    )


def _tail_items(question: Question) -> NDArray[np.bool_]:
    return is_tail(users_of(question.train))


def _parts(truths: Truths) -> dict[str, NDArray[np.bool_]]:
    return {
        ALL: np.ones(len(truths.users), dtype=bool),
        **{name: truths.segments == kind for kind, name in enumerate(USER_SEGMENTS)},
        "head items": ~truths.is_tail,
        "tail items": truths.is_tail,
    }


def _set_sizes(
    confidence: Confidence, lists: TopN, question: Question, level: float, light: int
) -> dict[str, float]:
    """Return the mean number of items in the sets, over all users and by kind of user."""
    segments = segment_of(np.diff(question.history.indptr), light)
    n_rows, n = lists.items.shape
    tail = _tail_items(question)[lists.items]
    ranks = np.broadcast_to(np.arange(1, n + 1), (n_rows, n))
    levels = confidence.of(segments[:, None], tail, ranks)
    sizes = ((levels > 1 - level) & (lists.items >= 0)).sum(axis=1)
    found = {ALL: float(sizes.mean())}
    for kind, name in enumerate(USER_SEGMENTS):
        if (segments == kind).any():
            found[name] = float(sizes[segments == kind].mean())
    return found
