"""One visitor at a time: lists that have to be there at once, without the cost of a batch of one.

A model may offer ``recommend_one(visitor, n, *, exclude_seen) -> Ranking``: the same list as in a
batch, up to the rounding of 32-bit sums, from plain arrays. Any other model is asked in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.models.selection import Ranking, best_of
from recomart.models.sequences import Sequences, recommend_for
from recomart.models.sparse import look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.base import Recommender


@dataclass(frozen=True)
class Visitor:
    """What one visitor had.

    items      int32, rising, each once
    weights    float32, parallel, above 0: confidence weights, as in `Interactions.weights`
    latest     int32, in the order of time, the latest last; items may come again
    latest_us  int64, parallel to it, never falling
    n_items    size of the catalogue
    """

    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    latest: NDArray[np.int32]
    latest_us: NDArray[np.int64]
    n_items: int

    @cached_property
    def history(self) -> csr_array:
        """The weights as a batch of one row, shape (1, n_items)."""
        starts = np.array([0, len(self.items)], dtype=np.int32)
        return csr_array((self.weights, self.items, starts), shape=(1, self.n_items))

    @cached_property
    def sequence(self) -> Sequences:
        """The order of time as a batch of one row."""
        starts = np.array([0, len(self.latest)], dtype=np.int64)
        return Sequences(self.latest, self.latest_us, starts, self.n_items)

    def best_of(
        self,
        items: NDArray[np.int32],
        scores: NDArray[np.float32],
        n: int,
        *,
        exclude_seen: bool,
    ) -> Ranking:
        """Return the `n` best of some items, of which each stands once."""
        if exclude_seen and len(self.items):
            kept = ~self.has(items)
            items, scores = items[kept], scores[kept]
        return best_of(items, scores, n)

    def has(self, items: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell which of some items the visitor had."""
        return look_up(self.items, items)[1]


def recommend_to(model: Recommender, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
    """Ask a model about one visitor in the form that it answers soonest."""
    one = getattr(
        model, "recommend_one", None
    )  # a look at the protocol takes longer than an answer
    if one is not None:
        found: Ranking = one(visitor, n, exclude_seen=exclude_seen)
        return found
    return recommend_in_a_batch(model, visitor, n, exclude_seen=exclude_seen)


def recommend_in_a_batch(
    model: Recommender, visitor: Visitor, n: int, *, exclude_seen: bool
) -> Ranking:
    """Ask a model about one visitor as a batch of one row."""
    top = recommend_for(model, visitor.history, visitor.sequence, n, exclude_seen=exclude_seen)
    kept = top.items[0] >= 0
    return Ranking(top.items[0][kept], top.scores[0][kept])
