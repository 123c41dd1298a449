"""Many least squares at once: the normal equations of each row of a sparse matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]


def normal_equations(targets: csr_array, vectors: Floats) -> tuple[Floats, Floats]:
    """Return ``sum_j y_j y_j^T`` and ``sum_j t_j y_j`` over the entries t_j of each row.

    targets  shape (n_rows, n_vectors)
    vectors  float64, shape (n_vectors, size)

    The sums have the shapes (n_rows, size, size) and (n_rows, size).
    """
    n_rows, size = targets.shape[0], vectors.shape[1]
    squares, sums = np.zeros((n_rows, size, size)), np.zeros((n_rows, size))
    for row in range(n_rows):
        entries = slice(targets.indptr[row], targets.indptr[row + 1])
        held = vectors[targets.indices[entries]]
        squares[row] = held.T @ held
        sums[row] = targets.data[entries] @ held
    return squares, sums
