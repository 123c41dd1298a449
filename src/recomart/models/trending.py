"""Trending: what is taken more now than it used to be.

The log-ratio of a recent rate to a longer baseline, with a prior that keeps rare items quiet, as
in burst detection (Kleinberg, "Bursty and Hierarchical Structure in Streams", KDD 2002) reduced
to two windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from recomart.models.same_for_all import SameForAll, opinions, per_item
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


class TrendingConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `Trending`."""

    recent_days: float = Field(7.0, gt=0, description="length of the recent window")
    baseline_days: float = Field(56.0, gt=0, description="length of the window before it")
    prior: float = Field(5.0, gt=0, description="strength added to both; keeps rare items quiet")


class Trending(SameForAll[TrendingConfig]):
    """One score an item: ``s[i] = log((recent[i] + prior) / (expected[i] + prior))``.

    ``recent[i]`` is the strength of the item in (now - recent_days, now]; ``expected[i]`` is its
    share of all strength in the baseline window before, times all recent strength. Items without
    recent strength have no opinion. Where nothing lies in the baseline window, nothing was
    expected, and the order is that of recent strength.
    """

    def __init__(self, config: TrendingConfig | None = None) -> None:
        super().__init__(config or TrendingConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Compare the two windows; see `Recommender.fit`."""
        config = self.config
        recent = _strength(interactions, 0.0, config.recent_days)
        before = _strength(
            interactions, config.recent_days, config.recent_days + config.baseline_days
        )
        expected = before * (recent.sum() / max(before.sum(), 1e-12))
        score = np.log((recent + config.prior) / (expected + config.prior))
        self.item_scores_ = opinions(score, recent > 0)
        return self


def _strength(
    interactions: Interactions, younger_days: float, older_days: float
) -> NDArray[np.float64]:
    """Sum the strength per item of events aged [younger, older) days; at least 0."""
    age_days = (interactions.now_us - interactions.occurred_us) / DAY_US
    inside = (age_days >= younger_days) & (age_days < older_days)
    total = per_item(interactions.items[inside], interactions.strengths[inside], interactions)
    return np.maximum(total, 0.0)
