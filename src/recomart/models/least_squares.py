"""Many ridge regressions that share their data, as in alternating least squares.

For each row of weights c over vectors Y the answer is

    x = argmin  sum_j c_j (x . y_j - 1)**2 + α0 |Y x|**2 + λ (n + α0 m)**ν |x|**2

with n entries in the row and m vectors. In the basis where the Gramian of Y is diagonal, the part
that is not the row's own is a diagonal matrix D, so a row is solved where it is smaller:

    n <= size   (C**-1 + K) z = 1,  K = Y_n D**-1 Y_n^T,  x = D**-1 Y_n^T z     (n unknowns)
    n > size    (D + Y_n^T C Y_n) x = Y_n^T c                                   (size unknowns)

The first is the Woodbury identity. Both are exact, and rows of equal n are solved together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.models.parallel import spread
from recomart.models.sparse import inverse, scale_columns, scale_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Self

GATHERED = 2**20
"""Numbers gathered at once (4 MiB): they should stay in the cache while a group is solved."""

ROWS_AT_ONCE = 4096
"""Rows of a dense product done at once."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """What pulls an answer to 0: α0, λ and ν of the formula."""

    unobserved_weight: float
    regularisation: float
    frequency_exponent: float


@dataclass(frozen=True, slots=True)
class Side:
    """The vectors that are held fixed, in the basis of their Gramian.

    vectors   float32, shape (n_vectors, size)
    spectrum  float32, shape (size,): α0 times the eigenvalues of the Gramian
    """

    vectors: NDArray[np.float32]
    spectrum: NDArray[np.float32]
    ridge: Ridge

    @classmethod
    def of(cls, vectors: NDArray[np.float32], ridge: Ridge) -> Self:
        """Turn vectors into the basis of their Gramian; scores do not change by it."""
        values, basis = np.linalg.eigh(_gramian(vectors))
        spectrum = ridge.unobserved_weight * np.maximum(values, 0)
        return cls(_product(vectors, basis), spectrum.astype(np.float32), ridge)

    def diagonal(self, n_entries: int) -> NDArray[np.float32]:
        """Return the diagonal D for rows with `n_entries` entries."""
        frequency = n_entries + self.ridge.unobserved_weight * len(self.vectors)
        pull = self.ridge.regularisation * frequency**self.ridge.frequency_exponent
        return self.spectrum + np.float32(pull)


def first_vectors(
    by_user: csr_array, by_item: csr_array, size: int, seed: int
) -> NDArray[np.float32]:
    """Return vectors of the items to start from, float32, shape (n_items, size).

    A sketch of the leading singular vectors of the weights, divided by the roots of the lengths of
    their rows and columns (Halko, Martinsson and Tropp, SIAM Review 2011, one pass), each scaled
    by the root of its singular value. From there one or two epochs reach what takes many from
    random vectors.
    """
    roots = [inverse(np.sqrt(np.diff(matrix.indptr))) for matrix in (by_user, by_item)]
    level = scale_columns(scale_rows(by_user, roots[0]), roots[1])
    shape = (by_item.shape[0], size)
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    sketch = _product(csr_array(level.T.tocsr()), _product(level, drawn))
    values, basis = np.linalg.eigh(_gramian(sketch))
    strong = np.maximum(values, max(float(values[-1]) * 1e-7, 1e-30))  # about singular value ** 4
    vectors = _product(sketch, (basis * strong ** (-0.5 + 0.125)).astype(np.float32))
    return vectors * np.sqrt(np.diff(by_item.indptr)).astype(np.float32)[:, None]


def _product(
    left: csr_array | NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``left @ right``, with the rows of `left` spread over the cores."""
    product = np.empty((left.shape[0], right.shape[1]), dtype=np.float32)

    def fill(rows: slice) -> None:
        """Multiply some rows."""
        product[rows] = left[rows] @ right

    spread(fill, _row_slices(left.shape[0]))
    return product


def _gramian(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``vectors.T @ vectors``, summed over rows in a fixed order."""
    slices = _row_slices(len(vectors))
    parts: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(slices)

    def fill(place: int) -> None:
        """Multiply some rows with themselves."""
        parts[place] = vectors[slices[place]].T @ vectors[slices[place]]

    spread(fill, range(len(slices)))
    total: NDArray[np.float32] = np.sum(parts, axis=0, dtype=np.float32)
    return total


def _row_slices(n_rows: int) -> list[slice]:
    """Cut rows into slices of at most `ROWS_AT_ONCE`, at least one."""
    return [slice(at, at + ROWS_AT_ONCE) for at in range(0, max(n_rows, 1), ROWS_AT_ONCE)]


def solve(weights: csr_array, side: Side) -> NDArray[np.float32]:
    """Return x for each row of `weights`, float32, shape (n_rows, size); 0 for an empty row."""
    size = side.vectors.shape[1]
    answers = np.zeros((weights.shape[0], size), dtype=np.float32)

    def answer(group: tuple[int, NDArray[np.int64]]) -> None:
        """Solve rows of one length."""
        n_entries, rows = group
        entries = weights.indptr[rows][:, None] + np.arange(n_entries)
        gathered = np.take(side.vectors, weights.indices[entries], axis=0)
        method = _few_entries if n_entries <= size else _many_entries
        answers[rows] = method(gathered, weights.data[entries], side.diagonal(n_entries))

    spread(answer, list(_groups(np.diff(weights.indptr), size)))
    return answers


def solve_one(
    items: NDArray[np.int32], weights: NDArray[np.float32], side: Side
) -> NDArray[np.float32]:
    """Return x for one row, float32, shape (size,); as `solve` does for many."""
    gathered = side.vectors[items][None]
    method = _few_entries if len(items) <= side.vectors.shape[1] else _many_entries
    answer: NDArray[np.float32] = method(gathered, weights[None], side.diagonal(len(items)))[0]
    return answer


def _groups(lengths: NDArray[np.int32], size: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield (n_entries, rows): rows of one length, as many as fit the cache."""
    order = np.argsort(lengths, kind="stable")
    distinct, starts, counts = np.unique(lengths[order], return_index=True, return_counts=True)
    for n_entries, first, count in zip(distinct.tolist(), starts, counts, strict=True):
        if n_entries:
            rows = order[first : first + count]
            at_once = max(1, GATHERED // (n_entries * size))
            for start in range(0, len(rows), at_once):
                yield n_entries, rows[start : start + at_once]


def _few_entries(
    gathered: NDArray[np.float32], weights: NDArray[np.float32], diagonal: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Solve rows in the space of their entries."""
    root = 1 / np.sqrt(diagonal)
    gathered *= root
    kernel = gathered @ gathered.transpose(0, 2, 1)
    n_entries = kernel.shape[1]
    kernel[:, range(n_entries), range(n_entries)] += 1 / weights
    ones = np.ones((*weights.shape, 1), dtype=np.float32)
    shares = np.linalg.solve(kernel, ones).transpose(0, 2, 1)
    return ((shares @ gathered)[:, 0] * root).astype(np.float32, copy=False)


def _many_entries(
    gathered: NDArray[np.float32], weights: NDArray[np.float32], diagonal: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Solve rows in the space of the vectors."""
    weighted = (gathered * weights[:, :, None]).transpose(0, 2, 1)
    normal = weighted @ gathered
    normal[:, range(len(diagonal)), range(len(diagonal))] += diagonal
    answers: NDArray[np.float32] = np.linalg.solve(normal, weighted.sum(axis=2)[:, :, None])
    return answers[:, :, 0]
