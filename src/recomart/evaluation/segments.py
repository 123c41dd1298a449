"""Segments: the same metric for kinds of users and kinds of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.evaluation.beyond import is_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray


def user_segments(history: csr_array, light: int) -> dict[str, NDArray[np.bool_]]:
    """Part users by the number of items in their history: none, at most `light`, more."""
    lengths = np.diff(history.indptr)
    return {
        "cold users": lengths == 0,
        "light users": (lengths > 0) & (lengths <= light),
        "heavy users": lengths > light,
    }


def item_segments(relevant: csr_array, train: csr_array) -> dict[str, csr_array]:
    """Part what is relevant by the item: head, tail (see `beyond.is_tail`)."""
    tail = is_tail(np.bincount(train.indices, minlength=train.shape[1]))
    return {"head items": _only(relevant, ~tail), "tail items": _only(relevant, tail)}


def _only(relevant: csr_array, items: NDArray[np.bool_]) -> csr_array:
    kept = relevant.tocoo()
    chosen = items[kept.col]
    data, rows, cols = kept.data[chosen], kept.row[chosen], kept.col[chosen]
    return csr_array((data, (rows, cols)), shape=relevant.shape)
