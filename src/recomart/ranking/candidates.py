"""Retrieval: several models propose items; their union is what the ranker orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.models.sequences import recommend_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.base import Recommender, TopN
    from recomart.models.sequences import Sequences

RANK_OFFSET = 60
"""The constant of reciprocal rank fusion, as published; see `recomart.models.blend`."""


@dataclass(frozen=True)
class Candidates:
    """Items proposed for each of some rows (users or sessions), the most agreed upon first.

    retrievers  names, in the order of the columns below
    rows        int32, shape (n_candidates,), never falling: whose candidate it is
    items       int32, each at most once in a row
    scores      float32, shape (n_candidates, n_retrievers): NaN where a retriever did not propose;
                comparable within one row and retriever only
    ranks       float32, same shape: 1 is best, NaN as above
    fused       float32, shape (n_candidates,): summed 1 / (60 + rank), never rising in a row
    n_rows      number of rows, those without candidates too
    """

    retrievers: tuple[str, ...]
    rows: NDArray[np.int32]
    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    ranks: NDArray[np.float32]
    fused: NDArray[np.float32]
    n_rows: int

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Candidates:
        """Return some of the candidates, over the same rows."""
        return Candidates(
            self.retrievers,
            self.rows[kept],
            self.items[kept],
            self.scores[kept],
            self.ranks[kept],
            self.fused[kept],
            self.n_rows,
        )

    def contains(self, wanted: csr_array) -> NDArray[np.bool_]:
        """Tell which candidates are entries of `wanted`, shape (n_rows, n_items)."""
        n_items = wanted.shape[1]
        rows = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        keys = rows.astype(np.int64) * n_items + wanted.indices
        return np.isin(self.rows.astype(np.int64) * n_items + self.items, keys)


def retrieve(
    models: Mapping[str, Recommender],
    history: csr_array,
    sequences: Sequences,
    *,
    each: int,
    most: int,
    exclude_seen: bool,
) -> Candidates:
    """Ask each model for `each` items a row, and keep the `most` on which they agree best.

    Agreement is reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
    """
    lists = [
        recommend_for(model, history, sequences, each, exclude_seen=exclude_seen)
        for model in models.values()
    ]
    return union(tuple(models), lists, int(history.shape[1]), most)


def union(
    retrievers: tuple[str, ...], lists: Sequence[TopN], n_items: int, most: int
) -> Candidates:
    """Join lists over the same rows; ties in agreement go to the lower item."""
    n_rows = len(lists[0].items)
    held = [np.nonzero(top.items >= 0) for top in lists]
    keys = [
        rows * np.int64(n_items) + top.items[rows, ranks]
        for (rows, ranks), top in zip(held, lists, strict=True)
    ]
    distinct, places = np.unique(np.concatenate(keys), return_inverse=True)
    scores = np.full((len(distinct), len(lists)), np.nan, dtype=np.float32)
    ranks = np.full_like(scores, np.nan)
    start = 0
    for place, ((rows, at), top) in enumerate(zip(held, lists, strict=True)):
        mine = places[start : start + len(rows)]
        scores[mine, place], ranks[mine, place] = top.scores[rows, at], at + 1
        start += len(rows)
    fused = np.nansum(1 / (RANK_OFFSET + ranks), axis=1).astype(np.float32)
    rows, items = np.divmod(distinct, n_items)
    order = np.lexsort((items, -fused, rows))
    found = Candidates(
        retrievers,
        rows.astype(np.int32),
        items.astype(np.int32),
        scores,
        ranks,
        fused,
        n_rows,
    ).take(order)
    return found.take(place_in_row(found.rows) < most)


def place_in_row(rows: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return 0, 1, 2 … for the entries of each row, where the entries of a row lie together."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(rows[1:] != rows[:-1]) + 1
    places = np.arange(len(rows))
    if len(starts):
        starts = np.concatenate([[0], starts])
        places -= np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return places
