"""What a model thinks of every item for one visitor, without a number for each of them.

Two forms: few items have a score of their own (`Sparse`), or all have one that is an inner product
(`Folded`). Both tell the mean and the deviation over all items, which a blend standardises by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from recomart.models.sparse import look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.innerproduct import ByLength


class Moments(NamedTuple):
    """Of the scores of all items, where no opinion counts as the lowest score there is."""

    mean: float
    deviation: float
    lowest: float

    def standardised(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores with mean 0 and deviation 1; 0 where all are alike."""
        if self.deviation == 0:
            return np.zeros_like(scores)
        return (scores - np.float32(self.mean)) / np.float32(self.deviation)


class Opinion(Protocol):
    """Scores for one visitor."""

    def moments(self) -> Moments | None:
        """Return them; None where there is no opinion on anything."""

    def best(self, n: int, is_out: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return at least the `n` best items that are not out, shape (n_items,), in any order."""

    def at(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the scores of some items; -inf for no opinion."""


@dataclass(frozen=True)
class Sparse:
    """An opinion on few items.

    items   int32, rising
    scores  float32, parallel
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    n_items: int

    def moments(self) -> Moments | None:
        """See `Opinion`."""
        if not len(self.items):
            return None
        lowest, n_silent = float(self.scores.min()), self.n_items - len(self.items)
        wide = self.scores.astype(np.float64)
        mean = (float(wide.sum()) + n_silent * lowest) / self.n_items
        squares = float(np.square(wide - mean).sum()) + n_silent * (lowest - mean) ** 2
        return Moments(mean, math.sqrt(squares / self.n_items), lowest)

    def best(self, n: int, is_out: NDArray[np.bool_]) -> NDArray[np.int32]:  # noqa: ARG002 - all
        """See `Opinion`."""
        return self.items[~is_out[self.items]]

    def at(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """See `Opinion`."""
        if not len(self.items):
            return np.full(len(items), -np.inf, dtype=np.float32)
        place, is_there = look_up(self.items, items)
        return np.where(is_there, self.scores[place], np.float32(-np.inf))


@dataclass(frozen=True)
class Folded:
    """An opinion on all items that have a vector: its inner product with that of the visitor.

    taste  float32, shape (size,)
    """

    taste: NDArray[np.float32]
    near: ByLength

    def moments(self) -> Moments | None:
        """See `Opinion`."""
        if not self.taste.any():
            return None
        n_items, n_silent = len(self.near.vectors), self.near.n_silent
        lowest = -math.inf
        total, squares = self.near.sums(self.taste)
        if n_silent:
            lowest = -float(self.near.nearest(-self.taste, 1)[1].max())
            total += n_silent * lowest
            squares += n_silent * lowest**2
        mean = total / n_items
        return Moments(mean, math.sqrt(max(squares / n_items - mean**2, 0.0)), lowest)

    def best(self, n: int, is_out: NDArray[np.bool_]) -> NDArray[np.int32]:
        """See `Opinion`."""
        if not self.taste.any():
            return np.empty(0, dtype=np.int32)
        return self.near.nearest(self.taste, n, is_out)[0]

    def at(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """See `Opinion`."""
        held = self.near.vectors[items]
        scores: NDArray[np.float32] = held @ self.taste
        scores[~held.any(axis=1)] = -np.inf
        return scores
