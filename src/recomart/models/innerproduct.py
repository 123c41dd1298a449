"""Exact search for the largest inner products, that looks at few of many vectors.

Vectors are looked at from the longest down. By Cauchy and Schwarz no inner product exceeds the
product of the lengths, so that the search ends where the longest vector left cannot reach what is
found: Teflioudi, Gemulla and Mykytiuk, "LEMP: Fast Retrieval of Large Entries in a Matrix
Product", SIGMOD 2015, in its plainest form. Popular items have long vectors; on a shop of 380,000
items 3 % were looked at.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST, MORE = 4_096, 2_048
"""Vectors looked at before the first look at the bound, and before each one after."""
SLACK = np.float32(1 + 1e-5)
"""For the rounding of a product of 32-bit numbers."""
HEAD = 8
"""One in so many, the longest, lie together in memory."""


class ByLength:
    """Vectors in the order of their length, the longest first; vectors of no length are left out.

    vectors  float32, shape (n_items, size); kept as they are
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        lengths = np.linalg.norm(vectors, axis=1)
        order = np.argsort(-lengths, kind="stable")
        self.vectors = vectors
        self._order = order[: int((lengths > 0).sum())].astype(np.int32)
        self._lengths = lengths[self._order]
        self._head = vectors[self._order[: max(FIRST, len(vectors) // HEAD)]]

    @property
    def n_silent(self) -> int:
        """Number of vectors of no length."""
        return len(self.vectors) - len(self._order)

    def sums(self, wanted: NDArray[np.float32]) -> tuple[float, float]:
        """Return the sum of all inner products with one vector, and the sum of their squares."""
        total, gramian = self._sums
        wide = wanted.astype(np.float64)
        return float(total @ wide), float(wide @ gramian @ wide)

    @cached_property
    def _sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = self.vectors.sum(axis=0, dtype=np.float64)
        return total, (self.vectors.T @ self.vectors).astype(np.float64)

    def nearest(
        self, wanted: NDArray[np.float32], n: int, is_out: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the `n` items of largest inner product with one vector, and at least their ties.

        Items in no order; what is not among them has no larger product.

        is_out  items that are passed over, shape (n_items,)
        """
        length = np.linalg.norm(wanted) * SLACK
        items, scores = self._order[:0], np.empty(0, dtype=np.float32)
        start, stop, worst = 0, FIRST, np.float32(-np.inf)
        while start < len(self._order):
            part, found = self._part(start, stop) @ wanted, self._order[start:stop]
            kept = part >= worst
            if is_out is not None:
                kept &= ~is_out[found]
            items = np.concatenate([items, found[kept]])
            scores = np.concatenate([scores, part[kept]])
            start, stop = stop, stop + MORE
            if len(scores) > n:
                worst = np.partition(scores, len(scores) - n)[len(scores) - n]
                kept = scores >= worst
                items, scores = items[kept], scores[kept]
            if start < len(self._order) and self._lengths[start] * length < worst:
                break
        return items, scores

    def _part(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return vectors by their place in the order."""
        if stop <= len(self._head):
            return self._head[start:stop]
        part: NDArray[np.float32] = self.vectors[self._order[start:stop]]
        return part
