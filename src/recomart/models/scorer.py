"""What models share that answer by scoring every item: lists in blocks of bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from scipy.sparse import csr_array

from recomart.models.base import BLOCK_BYTES, TopN
from recomart.models.parallel import spread, threads
from recomart.models.selection import top_n, top_n_of_some

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


MANY_ITEMS = 20_000
"""From so many items on a batch is ranked by a search, where a model has one."""
REACHED = 8
"""Rows reach about one in so many items at most, where a model has an opinion on few."""
Taste = TypeVar("Taste")


class Scorer(ABC, Generic[Taste]):
    """Lists from scores, in two steps that a model gives.

    `taste` turns histories into whatever the model keeps of them, one row each, and `scores_of`
    turns rows of that into scores. The first is cheap to hold for many users, the second is not,
    so lists are made block by block.
    """

    @abstractmethod
    def taste(self, history: csr_array) -> Taste:
        """Return what the model keeps of each history; rows can be sliced."""

    @abstractmethod
    def scores_of(self, taste: Taste) -> NDArray[np.float32]:
        """Score every item for each row of `taste`; a new array, -inf for no opinion."""

    def scores(self, history: csr_array) -> NDArray[np.float32]:
        """Score every item; see `Recommender.scores`."""
        return self.scores_of(self.taste(history))

    def recommend(self, history: csr_array, n: int, *, exclude_seen: bool = True) -> TopN:
        """Rank by score; see `Recommender.recommend`. Holds one block of scores a core."""
        history = csr_array(history)
        TopN.empty(0, n)  # refuses a list of no items before anything is computed
        return self.rank(self.taste(history), history, n, exclude_seen=exclude_seen)

    def rank(
        self,
        taste: Any,  # noqa: ANN401 -- a Taste, whose rows can be sliced
        seen: csr_array,
        n: int,
        *,
        exclude_seen: bool,
    ) -> TopN:
        """Rank by score; `seen`, shape (n_rows, n_items), is what the rows of `taste` hold."""

        def best(rows: slice) -> TopN:
            """Rank a block of rows."""
            scores = self.scores_of(taste[rows])
            if exclude_seen:
                scores[seen[rows].nonzero()] = -np.inf
            return top_n(scores, n)

        return by_blocks(best, row_blocks(*seen.shape), n)

    def contributions(
        self,
        history: csr_array,
        item: int,  # noqa: ARG002 -- the same answer for every item
    ) -> NDArray[np.float32]:
        """Answer zeros: the score does not come from the history."""
        return np.zeros(csr_array(history).nnz, dtype=np.float32)


class SparseScorer(Scorer[Taste]):
    """A scorer that has an opinion on few items: their scores are found without looking at others.

    So a list costs what the history reaches, not what the catalogue holds.
    """

    @abstractmethod
    def some_scores_of(self, taste: Taste) -> csr_array:
        """Score items for each row of `taste`; 0, or no entry, is no opinion."""

    def scores_of(self, taste: Taste) -> NDArray[np.float32]:
        """Score every item; see `Scorer.scores_of`."""
        scores: NDArray[np.float32] = self.some_scores_of(taste).toarray()
        scores[scores == 0] = -np.inf
        return scores

    def rank(
        self,
        taste: Any,  # noqa: ANN401 -- see `Scorer.rank`
        seen: csr_array,
        n: int,
        *,
        exclude_seen: bool,
    ) -> TopN:
        """Rank by score; see `Scorer.rank`."""

        def best(rows: slice) -> TopN:
            """Rank a block of rows."""
            scores = self.some_scores_of(taste[rows])
            return top_n_of_some(scores, n, seen[rows] if exclude_seen else None)

        return by_blocks(best, row_blocks(seen.shape[0], seen.shape[1] // REACHED), n)


def by_blocks(rank: Callable[[slice], TopN], blocks: Sequence[tuple[int, int]], n: int) -> TopN:
    """Rank rows block by block, the blocks side by side; they follow each other from row 0."""
    top = TopN.empty(blocks[-1][1] if blocks else 0, n)

    def fill(block: tuple[int, int]) -> None:
        """Fill in the lists of a block of rows."""
        rows = slice(*block)
        best = rank(rows)
        top.items[rows], top.scores[rows] = best.items, best.scores

    spread(fill, blocks)
    return top


def row_blocks(n_rows: int, n_columns: int) -> list[tuple[int, int]]:
    """Cut rows into (start, stop): float32 scores of the blocks in work fit `BLOCK_BYTES`."""
    size = max(1, BLOCK_BYTES // threads() // (4 * max(1, n_columns)))
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def one_item_histories(items: NDArray[np.int32], n_items: int) -> csr_array:
    """Return one history a row that holds just that item; an empty one where it is -1."""
    rows = np.flatnonzero(items >= 0)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, items[rows])), shape=(len(items), n_items))
