"""Exact top-n selection: the best columns of each row of a block of scores."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.models.base import TopN

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

GROUP = 32
"""Columns that share one maximum when a row's threshold is sought."""

LOWEST = np.finfo(np.float32).min


class Ranking(NamedTuple):
    """One list, best first.

    items   int32, each once
    scores  float32, parallel
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]


def best_of(items: NDArray[np.int32], scores: NDArray[np.float32], n: int) -> Ranking:
    """Pick the `n` best of some items. Ties go to the lower item."""
    if len(scores) > n:
        kept = scores >= np.partition(scores, len(scores) - n)[len(scores) - n]
        items, scores = items[kept], scores[kept]
    order = np.lexsort((items, -scores))[:n]
    return Ranking(items[order], scores[order])


def top_n(scores: NDArray[np.float32], n: int) -> TopN:
    """Pick the `n` best columns of each row; -inf means never. Ties go to the lower item.

    Exact. Two passes instead of a sort: the n-th largest of the maxima of column groups is a
    bound that at least n scores reach, and only those that reach it are sorted.
    """
    top = TopN.empty(len(scores), n)
    bound = np.maximum(_bound(scores, n), LOWEST)
    reached = np.flatnonzero(scores >= bound[:, None])
    rows, columns = np.divmod(reached, scores.shape[1])
    values = scores.ravel()[reached]
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    starts = np.searchsorted(rows, np.arange(len(scores)))
    rank = np.arange(len(rows)) - starts[rows]
    kept = rank < n
    top.items[rows[kept], rank[kept]] = columns[kept]
    top.scores[rows[kept], rank[kept]] = values[kept]
    return top


def top_n_of_some(scores: csr_array, n: int, seen: csr_array | None = None) -> TopN:
    """Pick the `n` best entries of each row of sparse scores; what has no entry, or 0, never.

    As `top_n` would of the same scores made dense, without making them so.

    seen  entries that are never picked, shape as `scores`
    """
    top = TopN.empty(scores.shape[0], n)
    is_seen = np.zeros(scores.shape[1], dtype=bool)
    for row, (start, stop) in enumerate(pairwise(scores.indptr.tolist())):
        columns, values = scores.indices[start:stop], scores.data[start:stop]
        kept = values != 0
        if seen is not None:
            held = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
            is_seen[held] = True
            kept &= ~is_seen[columns]
            is_seen[held] = False
        best = best_of(columns[kept], values[kept], n)
        top.items[row, : len(best.items)] = best.items
        top.scores[row, : len(best.items)] = best.scores
    return top


def _bound(scores: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return, for each row, a number that at least `n` of its scores reach (or -inf)."""
    n_rows, n_columns = scores.shape
    if n >= n_columns:
        return np.full(n_rows, -np.inf, dtype=np.float32)
    if n_columns < 2 * GROUP * n:
        return np.partition(scores, n_columns - n, axis=1)[:, n_columns - n]
    width = n_columns // GROUP
    maxima = scores[:, : width * GROUP].reshape(n_rows, GROUP, width).max(axis=1)
    return np.partition(maxima, width - n, axis=1)[:, width - n]
