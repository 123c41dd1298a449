"""Popularity: what most people take, and the more recently the more it counts.

Ji, Sun, Zhang and Li, "A Re-visit of the Popularity Baseline in Recommender Systems", SIGIR 2020:
popularity at the moment of asking, not over all time, is the baseline to beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, Field

from recomart.models.same_for_all import SameForAll, opinions, per_item
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


class PopularityConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `Popularity`."""

    half_life_days: float = Field(
        14.0, gt=0, description="an event this old counts half; a very long one is all time"
    )
    count: Literal["users", "strength"] = Field(
        "users", description="each user once, at the last event; or every event by its strength"
    )


class Popularity(SameForAll[PopularityConfig]):
    """One score an item: ``s[i] = sum w * 2 ** (-age / half_life)``.

    users     over users who hold the item (net of cancelled purchases), w = 1, age of their last
              event with it
    strength  over all its events, w = their strength

    Items with no score above 0 have no opinion.
    """

    def __init__(self, config: PopularityConfig | None = None) -> None:
        super().__init__(config or PopularityConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Add up what is left of each event; see `Recommender.fit`."""
        left = decay(interactions, self.config.half_life_days)
        if self.config.count == "strength":
            score = per_item(interactions.items, interactions.strengths * left, interactions)
        else:
            score = _by_user(interactions, left)
        self.item_scores_ = opinions(score, score > 0)
        return self


def decay(interactions: Interactions, half_life_days: float) -> NDArray[np.float64]:
    """Return what is left of each event, in (0, 1], halved every `half_life_days`."""
    age_days = (interactions.now_us - interactions.occurred_us) / DAY_US
    return np.exp2(-age_days / half_life_days)


def _by_user(interactions: Interactions, left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up, per item, what is left of the last event of each user who holds it."""
    n_items = interactions.shape[1]
    held = interactions.weights.tocoo()
    pairs = held.row.astype(np.int64) * n_items + held.col
    events = interactions.users.astype(np.int64) * n_items + interactions.items
    seen, first_from_the_end = np.unique(events[::-1], return_index=True)
    last = len(events) - 1 - first_from_the_end
    is_held = np.isin(seen, pairs, assume_unique=True)
    return per_item(seen[is_held] % n_items, left[last[is_held]], interactions)
