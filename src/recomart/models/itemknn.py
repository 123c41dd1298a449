"""Item kNN: items bought by the same users are near; cosine with shrinkage.

Sarwar, Karypis, Konstan and Riedl, "Item-based collaborative filtering recommendation
algorithms", WWW 2001; users of unit length after Deshpande and Karypis, "Item-based top-N
recommendation algorithms", TOIS 2004. Other weightings are those of text retrieval: TF-IDF, and
BM25 after Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recomart.models.item_to_item import ItemToItem, ItemToItemConfig
from recomart.models.sparse import damped, inverse, nearest, scale_columns

if TYPE_CHECKING:
    from typing_extensions import Self

    from recomart.models.interactions import Interactions

BM25_K1, BM25_B = 1.2, 0.75
"""Saturation and length normalisation, at their usual values."""


class ItemKNNConfig(ItemToItemConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `ItemKNN`."""

    shrinkage: float = Field(1.0, ge=0, description="added to the product of the norms")
    weighting: Literal["none", "unit", "tfidf", "bm25"] = Field(
        "unit", description="how much less a user with a long history says about each item"
    )


class ItemKNN(ItemToItem[ItemKNNConfig]):
    """Item-to-item model: ``w[i, j] = a_i . a_j / (|a_i| |a_j| + shrinkage)``.

    ``a_i`` is the column of item i in the weighted user-by-item matrix.
    """

    def __init__(self, config: ItemKNNConfig | None = None) -> None:
        super().__init__(config or ItemKNNConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Learn the weights; see `Recommender.fit`."""
        weights = damped(interactions.weights, self.config.strength_exponent)
        by_item = _weighted(csr_array(weights.T.tocsr()), self.config.weighting)
        norm = np.sqrt(by_item.power(2).sum(axis=1)).astype(np.float64)

        def cosine(block: csr_array, first: int) -> csr_array:
            """Divide products by norms and shrinkage."""
            rows = first + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            lengths = norm[rows] * norm[block.indices] + self.config.shrinkage
            shape = block.shape
            return csr_array((block.data / lengths, block.indices, block.indptr), shape=shape)

        by_user = csr_array(by_item.T.tocsr())
        self.weights_ = nearest(by_item, by_user, self.config.neighbours, cosine)
        return self


def _weighted(by_item: csr_array, weighting: str) -> csr_array:
    """Weight an item-by-user matrix.

    unit   ``w / |w_u|``, each user a vector of length 1
    tfidf  ``sqrt(w) * (1 + log(n_items / degree(u)))``
    bm25   ``idf(u) * w (k1 + 1) / (w + k1 (1 - b + b length(i) / mean length))``
    """
    if weighting == "none":
        return by_item
    if weighting == "unit":
        squares = np.bincount(by_item.indices, by_item.data**2, minlength=by_item.shape[1])
        return scale_columns(by_item, inverse(np.sqrt(squares)))
    degree = np.bincount(by_item.indices, minlength=by_item.shape[1])
    idf = 1 + np.log(by_item.shape[0] / np.maximum(degree, 1))
    if weighting == "tfidf":
        return scale_columns(damped(by_item, 0.5), idf)
    length = by_item.sum(axis=1)
    relative = length / max(float(length.mean()), 1e-12)
    saturation = BM25_K1 * (1 - BM25_B + BM25_B * relative)
    rows = np.repeat(np.arange(by_item.shape[0]), np.diff(by_item.indptr))
    data = by_item.data * (BM25_K1 + 1) / (by_item.data + saturation[rows])
    saturated = csr_array((data, by_item.indices, by_item.indptr), shape=by_item.shape)
    return scale_columns(saturated, idf)
