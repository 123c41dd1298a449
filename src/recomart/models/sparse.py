"""Sparse helpers shared by the item-to-item models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from recomart.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

DENSE = 16
"""Counting in an array of all items costs as much as sorting a sixteenth of them."""
ROWS_AT_ONCE = 2048
"""Rows of an item-to-item product held at once before only the largest are kept."""


def damped(weights: csr_array, exponent: float) -> csr_array:
    """Return ``weights ** exponent`` entry by entry, as float32; 0 makes them binary."""
    powered = np.power(weights.data, exponent, dtype=np.float32)
    return csr_array((powered, weights.indices, weights.indptr), shape=weights.shape)


def scale_rows(matrix: csr_array, factors: NDArray[np.floating]) -> csr_array:
    """Multiply each row by its factor."""
    return csr_array(diags_array(factors.astype(np.float32)) @ matrix)


def scale_columns(matrix: csr_array, factors: NDArray[np.floating]) -> csr_array:
    """Multiply each column by its factor."""
    scaled = matrix.data * factors.astype(np.float32)[matrix.indices]
    return csr_array((scaled, matrix.indices, matrix.indptr), shape=matrix.shape)


def inverse(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Return 1 / value, and 0 where the value is 0."""
    wide = np.asarray(values, dtype=np.float64)
    return np.divide(1.0, wide, out=np.zeros_like(wide), where=wide != 0)


def transitions(matrix: csr_array, alpha: float) -> csr_array:
    """Return ``p(column | row) ** alpha``, where p is the row divided by its sum."""
    rows = scale_rows(matrix, inverse(matrix.sum(axis=1)))
    return damped(rows, alpha)


def keep_largest(matrix: csr_array, k: int) -> csr_array:
    """Keep the `k` largest entries of each row; ties go to the lower column."""
    matrix.sort_indices()
    counts = np.diff(matrix.indptr)
    bound = np.full(matrix.shape[0], -np.inf, dtype=matrix.dtype)
    for row in np.flatnonzero(counts > k):
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        bound[row] = np.partition(values, len(values) - k)[len(values) - k]
    rows = np.repeat(np.arange(matrix.shape[0]), counts)
    above, level = matrix.data > bound[rows], matrix.data == bound[rows]
    room = k - np.bincount(rows, weights=above, minlength=matrix.shape[0])
    kept = above | (level & (_rank_among(level, rows, matrix.indptr) <= room[rows]))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=matrix.shape[0]))])
    return csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


def _rank_among(
    marked: NDArray[np.bool_], rows: NDArray[np.int64], indptr: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Number the marked entries of each row from 1, in the order of their columns."""
    running = np.cumsum(marked)
    before = np.concatenate([[0], running])[indptr[:-1]]
    rank: NDArray[np.int64] = running - before[rows]
    return rank


def nearest(
    left: csr_array,
    right: csr_array,
    k: int,
    finish: Callable[[csr_array, int], csr_array] | None = None,
) -> csr_array:
    """Return weights ``w[i, j]`` from the product ``left @ right`` at [j, i]; float32.

    A column, an item that may be recommended, keeps its `k` largest weights; the diagonal is left
    out. Keeping the largest of a row instead lets popular items crowd out all others (Gowalla,
    RP3beta: Recall@20 .171 for rows, .178 for columns). `finish` turns a block of the product and
    its first row into similarities before. Only `ROWS_AT_ONCE` rows of the product exist at once.
    """
    blocks = []
    for start in range(0, max(left.shape[0], 1), ROWS_AT_ONCE):
        block = csr_array(left[start : start + ROWS_AT_ONCE] @ right)
        block = finish(block, start) if finish else block
        _drop_diagonal(block, start)
        blocks.append(keep_largest(block.astype(np.float32), k))
    return csr_array(vstack(blocks, format="csr").T.tocsr())


def _drop_diagonal(block: csr_array, first_row: int) -> None:
    """Remove each item's own entry: an item says nothing new about itself."""
    rows = first_row + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    block.data[block.indices == rows] = 0
    block.eliminate_zeros()


def ranges(first: NDArray[np.integer], stop: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return first … stop - 1 of each pair, one after the other."""
    lengths = stop - first
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    places: NDArray[np.int64] = np.arange(total) + np.repeat(first - (ends - lengths), lengths)
    return places


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


def look_up(
    rising: NDArray[np.integer], wanted: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where numbers stand among rising ones, and whether they do; if not, the place is any.

    Both of the shape of `wanted`.
    """
    if not len(rising):
        return np.zeros(len(wanted), dtype=np.intp), np.zeros(len(wanted), dtype=bool)
    place = np.minimum(rising.searchsorted(wanted), len(rising) - 1)
    return place, rising[place] == wanted


def keys_of(matrix: csr_array) -> NDArray[np.int64]:
    """Return ``row * n_columns + column`` of each entry, in its order."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: NDArray[np.int64] = rows * matrix.shape[1] + matrix.indices
    return keys


def is_entry_of(
    matrix: csr_array, rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Tell which pairs of row and column are entries of a matrix."""
    return is_key_of(matrix, rows.astype(np.int64) * matrix.shape[1] + columns)


def is_key_of(matrix: csr_array, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of some keys, see `keys_of`, are those of entries of a matrix."""
    return look_up(np.sort(keys_of(matrix)), keys)[1]


def summed(
    items: NDArray[Any], worth: NDArray[np.float32], n_items: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return items, each once and rising, and the sum of what each is worth, which is above 0."""
    if n_items < DENSE * len(items):
        totals = np.bincount(items, worth, minlength=n_items)
        found = np.flatnonzero(totals)
        return found.astype(items.dtype), totals[found].astype(np.float32)
    if not len(items):
        return items, worth
    order = items.argsort(kind="stable")
    items = items[order]
    starts = np.flatnonzero(np.concatenate([[True], items[1:] != items[:-1]]))
    return items[starts], np.add.reduceat(worth[order], starts)


def to_arrays(matrix: csr_array, name: str) -> dict[str, NDArray[np.generic]]:
    """Return the three arrays of a square matrix under names that start with `name`."""
    return {
        f"{name}_data": matrix.data.astype(np.float32),
        f"{name}_indices": matrix.indices.astype(np.int32),
        f"{name}_indptr": matrix.indptr.astype(np.int64),
    }


def from_arrays(arrays: Mapping[str, NDArray[np.generic]], name: str) -> csr_array:
    """Make the square matrix again. Raises ArtefactError if the arrays do not describe one."""
    data, indices, indptr = (
        cast("NDArray[Any]", arrays.get(f"{name}_{part}", np.empty(0)))
        for part in ("data", "indices", "indptr")
    )
    size = len(indptr) - 1
    sound = (
        data.dtype == np.float32
        and indices.dtype == np.int32
        and indptr.dtype == np.int64
        and data.ndim == indices.ndim == indptr.ndim == 1
        and size >= 0
        and indptr[0] == 0
        and indptr[-1] == len(data) == len(indices)
        and bool((np.diff(indptr) >= 0).all())
        and (len(data) == 0 or bool(indices.min() >= 0 and indices.max() < size))
        and bool(np.isfinite(data).all())
    )
    if not sound:
        raise ArtefactError(
            f"The arrays {name}_data, {name}_indices and {name}_indptr do not make a matrix.",
            remedy="Fit the model again, or restore the artefact from a backup.",
        )
    return narrow(data, indices, indptr, (size, size))


def narrow(
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    starts: NDArray[np.int64],
    shape: tuple[int, int],
) -> csr_array:
    """Return a matrix over these arrays, not copied.

    SciPy would widen the indices to the 64 bits of the starts, and take twice the memory.
    """
    if len(data) <= np.iinfo(np.int32).max:
        return csr_array((data, indices, starts.astype(np.int32)), shape=shape)
    return csr_array((data, indices, starts), shape=shape)
