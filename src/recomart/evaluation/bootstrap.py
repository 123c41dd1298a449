"""Intervals by the bootstrap: how far a mean over users might be off.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: the percentile interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
CHUNK = 50


class Interval(BaseModel, frozen=True, extra="forbid"):
    """A mean over users with its 95 % interval; null where there were no users."""

    mean: float | None
    low: float | None
    high: float | None
    n_users: int

    @property
    def is_above_zero(self) -> bool:
        """Tell whether the whole interval lies above zero."""
        return self.low is not None and self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Tell whether the whole interval lies below zero."""
        return self.high is not None and self.high < 0

    def written(self) -> str:
        """Return it as ``0.0912 [0.0871, 0.0953]``."""
        if self.mean is None:
            return "–"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def interval(values: NDArray[np.float64], n_resamples: int, seed: int) -> Interval:
    """Return the mean of `values`, one a user, and its interval; NaN are users without an answer.

    For a difference of two models, give the differences user by user (a paired bootstrap).
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(mean=None, low=None, high=None, n_users=0)
    rng = np.random.default_rng(seed)
    n = len(known)
    means = np.empty(n_resamples)
    for start in range(0, n_resamples, CHUNK):  # bounded memory, whatever the number of users
        size = min(CHUNK, n_resamples - start)
        means[start : start + size] = known[rng.integers(0, n, (size, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean=float(known.mean()), low=float(low), high=float(high), n_users=n)
