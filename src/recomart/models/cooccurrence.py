"""Co-occurrence: items that the same user, or the same basket, holds together.

Deshpande and Karypis, "Item-based top-N recommendation algorithms", TOIS 2004; the lift is that
of association rules (Brin, Motwani and Silverstein, SIGMOD 1997).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recomart.models.item_to_item import ItemToItem, ItemToItemConfig
from recomart.models.sparse import nearest
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


class CoOccurrenceConfig(ItemToItemConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `CoOccurrence`."""

    basket: Literal["user", "day"] = Field(
        "user", description="together means: by one user ever, or by one user on one UTC day"
    )
    similarity: Literal["cosine", "lift"] = Field("cosine", description="how counts are compared")
    shrinkage: float = Field(5.0, ge=0, description="rare pairs count less; 0 trusts every pair")


class CoOccurrence(ItemToItem[CoOccurrenceConfig]):
    """Item-to-item model over baskets: how much more often together than apart.

    cosine  ``w[i, j] = c_ij / sqrt(c_i c_j)  *  c_ij / (c_ij + shrinkage)``
    lift    ``w[i, j] = n c_ij / (c_i c_j)  *  c_ij / (c_ij + shrinkage)``

    ``c_ij`` counts baskets with both, ``c_i`` baskets with i, n all baskets.
    """

    def __init__(self, config: CoOccurrenceConfig | None = None) -> None:
        super().__init__(config or CoOccurrenceConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Count, compare, keep the nearest; see `Recommender.fit`."""
        baskets = _baskets(interactions, self.config.basket)
        counts = np.bincount(baskets.indices, minlength=baskets.shape[1]).astype(np.float64)

        def compared(block: csr_array, first: int) -> csr_array:
            """Turn counts of pairs into similarities."""
            rows = first + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            apart = counts[rows] * counts[block.indices]
            if self.config.similarity == "cosine":
                data = block.data / np.sqrt(apart)
            else:
                data = block.data * baskets.shape[0] / apart
            data = data * (block.data / (block.data + self.config.shrinkage))
            return csr_array((data, block.indices, block.indptr), shape=block.shape)

        by_item = csr_array(baskets.T.tocsr())
        self.weights_ = nearest(by_item, baskets, self.config.neighbours, compared)
        return self


def _baskets(interactions: Interactions, basket: str) -> csr_array:
    """Return a binary baskets-by-items matrix. Events that take something back hold nothing."""
    if basket == "user":
        held = interactions.weights
        ones = np.ones(held.nnz, dtype=np.float32)
        return csr_array((ones, held.indices, held.indptr), shape=held.shape)
    kept = interactions.strengths > 0
    users, items = interactions.users[kept].astype(np.int64), interactions.items[kept]
    days = interactions.occurred_us[kept] // DAY_US
    first, last = (int(days[0]), int(days[-1])) if len(days) else (0, 0)  # events are in order
    keys, rows = np.unique(users * (last - first + 1) + days - first, return_inverse=True)
    ones = np.ones(len(rows), dtype=np.float32)
    held = csr_array((ones, (rows, items)), shape=(len(keys), interactions.shape[1]))
    held.sum_duplicates()
    held.data[:] = 1
    return held
