"""What item-to-item models share: a sparse matrix of weights from item to item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import csr_array

from recomart.errors import NotFittedError
from recomart.models import sparse
from recomart.models.base import check_history
from recomart.models.opinion import Sparse
from recomart.models.opinions import ManySparse
from recomart.models.scorer import SparseScorer, one_item_histories

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.selection import Ranking
    from recomart.models.visitor import Visitor


class ItemToItemConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters that every item-to-item model has."""

    neighbours: int = Field(200, gt=0, description="weights kept per recommended item")
    strength_exponent: float = Field(
        0.5, ge=0, le=1, description="weights are raised to it; 0 makes them binary"
    )


Config = TypeVar("Config", bound=ItemToItemConfig)


class ItemToItem(SparseScorer[csr_array], Generic[Config]):
    """A history scores an item by the summed weight from its items: ``s[u] = h[u] @ weights_``.

    Learned: `weights_`, float32, shape (n_items, n_items), zero diagonal, at most `neighbours`
    entries a column. No path from the history to an item is no opinion.
    """

    weights_: csr_array

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return int(self._weights().shape[0])

    def taste(self, history: csr_array) -> csr_array:
        """Return the history with its weights raised as they were in `fit`."""
        check_history(history, self.n_items)
        return sparse.damped(history, self.config.strength_exponent)

    def some_scores_of(self, taste: csr_array) -> csr_array:
        """Sum the weights from the history; no path is no opinion."""
        return csr_array(taste @ self._weights())

    def recommend_one(self, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
        """Rank what a visitor's items lead to; see `recommend_to`."""
        found = self.opinion_of(visitor)
        return visitor.best_of(found.items, found.scores, n, exclude_seen=exclude_seen)

    def opinion_of(self, visitor: Visitor) -> Sparse:
        """Sum the weights from what a visitor had."""
        _, items, worth = self.paths_of(visitor)
        if len(visitor.items) != 1:  # from one item no item is reached twice
            items, worth = sparse.summed(items, worth, self.n_items)
        return Sparse(items, worth, self.n_items)

    def opinions_of(self, taste: csr_array) -> ManySparse:
        """Sum the weights from what many visitors had."""
        return ManySparse(self.some_scores_of(taste))

    def paths_of(
        self, visitor: Visitor
    ) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float32]]:
        """Return the ways from what a visitor had to items, one after the other.

        Parallel: the place among the visitor's items where one starts, the item that it leads to,
        and what it adds to that item's score. From each place the items rise.
        """
        weights = self._weights()
        strengths = np.power(visitor.weights, self.config.strength_exponent, dtype=np.float32)
        starts, stops = weights.indptr[visitor.items], weights.indptr[visitor.items + 1]
        entries = sparse.ranges(starts, stops)
        owners = np.arange(len(starts)).repeat(stops - starts)
        return owners, weights.indices[entries], weights.data[entries] * strengths[owners]

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the weight from the item; see `Recommender.similar_items`."""
        return self.recommend(one_item_histories(items, self.n_items), n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Return what each item of the history adds to the score of `item`; sums to it exactly."""
        taste = self.taste(history)
        column = self._weights()[:, [item]].toarray().ravel()
        parts: NDArray[np.float32] = taste.data * column[taste.indices]
        return parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights; see `Recommender.arrays`."""
        return sparse.to_arrays(self._weights(), "weights")

    @classmethod
    def from_arrays(cls, config: Config, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        model = cls(config)
        model.weights_ = sparse.from_arrays(arrays, "weights")
        return model

    def _weights(self) -> csr_array:
        """Return the weights, or say that there are none yet."""
        if not hasattr(self, "weights_"):
            raise NotFittedError(type(self).__name__)
        return self.weights_
