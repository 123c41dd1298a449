"""The cascade: retrievers propose, the ranker orders, confidence says how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from recomart.errors import BadInputError
from recomart.models.base import TopN
from recomart.models.selection import best_first
from recomart.models.sparse import look_up, place_in_row
from recomart.ranking.candidates import retrieve, retrieve_for
from recomart.ranking.knowledge import columns_of, matrix_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.base import Recommender
    from recomart.models.sequences import Sequences
    from recomart.ranking.candidates import Candidates
    from recomart.ranking.knowledge import Knowledge
    from recomart.ranking.paths import Paths
    from recomart.ranking.ranker import Ranker
    from recomart.settings import RankingSettings

NAME = "cascade"
ROWS_AT_ONCE = 1_000
"""Users whose candidates are looked at together."""


@dataclass(frozen=True)
class Ranked:
    """Candidates in the order of the ranker.

    candidates  rows together, best first
    scores      float32, shape (n_candidates,): the ranker's, never rising in a row unless a limit
                by category moved items down
    ranks       int64, from 1 in each row
    """

    candidates: Candidates
    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]

    def top(self, n: int) -> TopN:
        """Return the first `n` of each row."""
        found = TopN.empty(self.candidates.n_rows, n)
        kept = self.ranks <= n
        rows, places = self.candidates.rows[kept], self.ranks[kept] - 1
        found.items[rows, places] = self.candidates.items[kept]
        found.scores[rows, places] = self.scores[kept]
        return found


@dataclass(frozen=True)
class Cascade:
    """Fitted retrievers by name, and a ranker of their candidates (none: by agreement)."""

    retrievers: Mapping[str, Recommender]
    ranker: Ranker | None
    settings: RankingSettings

    def rank(
        self,
        users: NDArray[np.int32],
        history: csr_array,
        sequences: Sequences,
        knowledge: Knowledge,
        *,
        exclude_seen: bool,
    ) -> Ranked:
        """Order candidates for some users, a row each, as known at one moment."""
        candidates = retrieve(
            self.retrievers,
            history,
            sequences,
            each=self.settings.each,
            most=self.settings.candidates,
            exclude_seen=exclude_seen,
        )
        return self.ordered(candidates, users, np.diff(history.indptr) == 0, knowledge)

    def candidates(self, paths: Paths, *, exclude_seen: bool) -> Candidates:
        """Let the retrievers propose to one visitor, whose paths are given; see `linked`."""
        return retrieve_for(
            self.retrievers,
            paths,
            each=self.settings.each,
            most=self.settings.candidates,
            exclude_seen=exclude_seen,
        )

    def ordered(
        self,
        candidates: Candidates,
        users: NDArray[np.int32],
        is_cold: NDArray[np.bool_],
        knowledge: Knowledge,
    ) -> Ranked:
        """Order candidates by the ranker; `is_cold`: which rows have no history."""
        scores = candidates.fused
        if self.ranker is not None:
            self._check(candidates, knowledge)
            parts = [
                self.ranker.ordering(matrix_of(some, users, knowledge), is_cold[some.rows])
                for some in _parts(candidates)
            ]
            scores = np.concatenate(parts)
        return in_order(candidates, scores, knowledge.categories, self.settings.max_per_category)

    def _check(self, candidates: Candidates, knowledge: Knowledge) -> None:
        """Refuse to feed a ranker with other columns than it learned from."""
        assert self.ranker is not None  # noqa: S101 -- asked by the caller
        found = columns_of(candidates.retrievers, knowledge.names)
        if found != self.ranker.columns:
            raise _other_columns(found, self.ranker.columns)


def in_order(
    candidates: Candidates,
    scores: NDArray[np.float32],
    categories: NDArray[np.int32],
    max_per_category: int | None = None,
) -> Ranked:
    """Put candidates in the order of their scores; ties keep the order that they have.

    With `max_per_category` the items of a category beyond so many come after all others of the
    row; items without a category are not limited.
    """
    if candidates.n_rows == 1:  # serving asks for one row
        order = np.argsort(-scores, kind="stable")
    else:
        order = best_first(candidates.rows, scores)
    if max_per_category is not None:
        kinds = categories[candidates.items[order]]
        by_kind = np.lexsort((np.arange(len(order)), kinds, candidates.rows[order]))
        span = int(categories.max(initial=0)) + 2
        lists = candidates.rows[order].astype(np.int64) * span + kinds
        place = np.empty(len(order), dtype=np.int64)
        place[by_kind] = place_in_row(lists[by_kind])
        is_late = (kinds >= 0) & (place >= max_per_category)
        order = order[np.lexsort((is_late, candidates.rows[order]))]
    ordered = candidates.take(order)
    return Ranked(ordered, scores[order], place_in_row(ordered.rows) + 1)


def ranks_among(
    wanted: NDArray[np.int64], keys: NDArray[np.int64], ranks: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return the rank that stands beside each wanted key; inf where it is not among the keys."""
    order = np.argsort(keys)
    place, is_there = look_up(keys[order], wanted)
    found = np.full(len(wanted), np.inf, dtype=np.float32)
    found[is_there] = ranks[order][place[is_there]]
    return found


def ranks_in(top: TopN, wanted: csr_array) -> NDArray[np.float32]:
    """Return the rank in a list of each entry of `wanted`, in its order; inf where it is not."""
    n_items = np.int64(wanted.shape[1])
    rows, places = np.nonzero(top.items >= 0)
    of_wanted = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr)).astype(np.int64)
    keys = rows * n_items + top.items[rows, places]
    return ranks_among(of_wanted * n_items + wanted.indices, keys, places + 1)


def _parts(candidates: Candidates) -> list[Candidates]:
    """Cut candidates so that the rows of few users are in memory at once."""
    if candidates.n_rows <= ROWS_AT_ONCE:
        return [candidates]
    edges = np.arange(0, candidates.n_rows + ROWS_AT_ONCE, ROWS_AT_ONCE)
    cuts = np.searchsorted(candidates.rows, edges)
    return [candidates.take(np.arange(first, stop)) for first, stop in pairwise(cuts)]


def _other_columns(found: tuple[str, ...], learned: tuple[str, ...]) -> BadInputError:
    differ = sorted(set(found) ^ set(learned)) or ["their order"]
    return BadInputError(
        f"The ranker learned from other columns: {', '.join(differ[:5])}.",
        remedy="Features or retrievers changed since: run `recomart train-ranker --force`.",
    )
