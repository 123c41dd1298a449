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
    norm = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    directions = np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)
    top = TopN.empty(len(items), n)
    for start, stop in row_blocks(len(items), len(vectors)):
        asked = items[start:stop]
        scores = directions[asked] @ directions.T
        scores[:, norm[:, 0] == 0] = -np.inf
        scores[(asked < 0) | (norm[asked, 0] == 0)] = -np.inf
        scores[np.arange(len(asked)), asked] = -np.inf
        best = top_n(scores, n)
        top.items[start:stop], top.scores[start:stop] = best.items, best.scores
    return top
