"""Exact top-n selection: the best columns of each row of a block of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.models.base import TopN
from recomart.models.sparse import is_key_of, keys_of, place_in_row

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
    TopN.empty(0, n)  # refuses a list of no items
    bound = np.maximum(_bound(scores, n), LOWEST)
    reached = np.flatnonzero(scores >= bound[:, None])
    rows, columns = np.divmod(reached, scores.shape[1])
    return top_of_entries(rows, columns, scores.ravel()[reached], len(scores), n)


def top_of_entries(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.float32],
    n_rows: int,
    n: int,
) -> TopN:
    """Pick the `n` best of the entries of each row; those of a row lie together, rows rise.

    Ties go to the entry that stands first.
    """
    top = TopN.empty(n_rows, n)
    order = best_first(rows, values)
    rank = place_in_row(rows)
    kept = rank < n  # sorted by rows first: those stay where they are
    places, order = (rows[kept], rank[kept]), order[kept]
    top.items[places], top.scores[places] = columns[order], values[order]
    return top


def best_first(rows: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the order that puts the best of each row first; ties keep their order.

    By one stable sort of whole numbers, which takes half the time of a sort by two keys: the bits
    of a 32-bit number, all but the first turned round where it is negative, rise as it does.

    rows    from 0 to 2**31
    scores  looked at as 32-bit numbers
    """
    bits = (np.float32(0) - scores.astype(np.float32)).view(np.int32)  # 0 has one sign
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    return np.argsort((rows.astype(np.int64) << 32) + bits, kind="stable")


def top_n_of_some(scores: csr_array, n: int, seen: csr_array | None = None) -> TopN:
    """Pick the `n` best entries of each row of sparse scores; what has no entry, or 0, never.

    As `top_n` would of the same scores made dense, without making them so.

    seen  entries that are never picked, shape as `scores`
    """
    scores.sort_indices()
    rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    kept = scores.data != 0
    if seen is not None:
        kept &= ~is_key_of(seen, keys_of(scores))
    return top_of_entries(rows[kept], scores.indices[kept], scores.data[kept], scores.shape[0], n)


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
