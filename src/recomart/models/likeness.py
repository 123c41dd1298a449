"""Items alike by their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.models.base import TopN
from recomart.models.scorer import row_blocks
from recomart.models.selection import top_n

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nearest_by_cosine(vectors: NDArray[np.float32], items: NDArray[np.int32], n: int) -> TopN:
    """Rank by the cosine of the vectors, shape (n_items, size); see `Recommender.similar_items`.

    What has no vector, all zeros, is like nothing.
    """
    directions = unit(vectors)
    is_nothing = ~np.asarray(directions.any(axis=1))
    top = TopN.empty(len(items), n)
    for start, stop in row_blocks(len(items), len(vectors)):
        asked = items[start:stop]
        scores = directions[asked] @ directions.T
        scores[:, is_nothing] = -np.inf
        scores[(asked < 0) | is_nothing[asked]] = -np.inf
        scores[np.arange(len(asked)), asked] = -np.inf
        best = top_n(scores, n)
        top.items[start:stop], top.scores[start:stop] = best.items, best.scores
    return top


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors, one a row, of length 1; those that are 0 stay so."""
    length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    found: NDArray[np.float32] = np.divide(
        vectors, length, out=np.zeros_like(vectors), where=length > 0
    )
    return found
