"""Exact top-n selection: the best columns of each row of a block of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.models.base import TopN

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = 32
"""Columns that share one maximum when a row's threshold is sought."""

LOWEST = np.finfo(np.float32).min


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
