"""RP3beta: a walk from item to user to item, with popular items damped.

Christoffel, Paudel, Newell and Bernstein, "Blockbusters and Wallflowers: Accurate, Diverse, and
Scalable Recommendations with Random Walks", RecSys 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recomart.models.item_to_item import ItemToItem, ItemToItemConfig
from recomart.models.sparse import damped, inverse, nearest, scale_columns, transitions

if TYPE_CHECKING:
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


class RP3BetaConfig(ItemToItemConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `RP3Beta`."""

    alpha: float = Field(0.7, gt=0, description="exponent of the transition probabilities")
    beta: float = Field(0.3, ge=0, description="damping of popular items; 0 is P3alpha")


class RP3Beta(ItemToItem[RP3BetaConfig]):
    """Item-to-item model: ``w[i, j] = sum_u p(u|i)**alpha * p(j|u)**alpha / degree(j)**beta``.

    The probabilities come from the weights raised to `strength_exponent`; the degree of an item
    is its number of users. Time O(sum of squared history lengths).
    """

    def __init__(self, config: RP3BetaConfig | None = None) -> None:
        super().__init__(config or RP3BetaConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Learn the weights; see `Recommender.fit`."""
        weights = damped(interactions.weights, self.config.strength_exponent)
        to_items = transitions(weights, self.config.alpha)
        to_users = transitions(csr_array(weights.T.tocsr()), self.config.alpha)
        degree = np.bincount(weights.indices, minlength=weights.shape[1]).astype(np.float64)
        damping = inverse(degree**self.config.beta)
        to_target = csr_array(scale_columns(to_items, damping).T.tocsr())
        from_history = csr_array(to_users.T.tocsr())
        self.weights_ = nearest(to_target, from_history, self.config.neighbours)
        return self
