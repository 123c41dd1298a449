"""What a model thinks of every item for each of many visitors; `opinion`, for a block of rows.

The same numbers as for one visitor at a time, up to the rounding of 32-bit sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from recomart.models.sparse import is_key_of, keys_of, look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from typing_extensions import Self

    from recomart.models.innerproduct import ByLength

ENTRIES_AT_ONCE = 1 << 17
"""Vectors that are put side by side with tastes: 32 MB for 64 numbers each."""


class Pairs(NamedTuple):
    """Pairs of row and item, each once, in rising order.

    rows, items  int64, parallel
    """

    rows: NDArray[np.int64]
    items: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.int64], n_items: int) -> Self:
        """Split ``row * n_items + item``."""
        return cls(*np.divmod(keys, n_items))


class ManyMoments(NamedTuple):
    """`Moments`, a row each: float64; all 0 in a row without an opinion."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    lowest: NDArray[np.float64]

    def standardised(
        self, scores: NDArray[np.floating], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return scores of some rows with mean 0 and deviation 1 in each; 0 where all are alike."""
        deviation = self.deviation[rows]
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        floor = np.where(np.isneginf(scores), self.lowest[rows], scores)
        return ((floor - self.mean[rows]) * scale).astype(np.float32)


class Opinions(Protocol):
    """Scores for the rows of a block."""

    def moments(self) -> ManyMoments:
        """Return them."""

    def best(self, n: int, seen: csr_array | None) -> NDArray[np.int64]:
        """Return at least the `n` best items of each row, without what was seen, in any order.

        As ``row * n_items + item``.
        """

    def at(self, pairs: Pairs) -> NDArray[np.float32]:
        """Return the scores of some pairs; -inf for no opinion."""


@dataclass(frozen=True)
class ManySparse:
    """Opinions on few items.

    scores  shape (n_rows, n_items); 0, or no entry, is no opinion
    """

    scores: csr_array

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """``row * n_items + item`` of each entry, rising."""
        self.scores.eliminate_zeros()
        self.scores.sort_indices()
        return keys_of(self.scores)

    def moments(self) -> ManyMoments:
        """See `Opinions`."""
        n_rows, n_items = self.scores.shape
        rows, wide = self.keys // n_items, self.scores.data.astype(np.float64)
        n_told = np.bincount(rows, minlength=n_rows)
        lowest = np.full(n_rows, np.inf)
        np.minimum.at(lowest, rows, wide)
        lowest[n_told == 0] = 0
        n_silent = n_items - n_told
        mean = (np.bincount(rows, wide, minlength=n_rows) + n_silent * lowest) / n_items
        squares = np.bincount(rows, np.square(wide - mean[rows]), minlength=n_rows)
        squares += n_silent * np.square(lowest - mean)
        return ManyMoments(mean, np.sqrt(squares / n_items), lowest)

    def best(self, n: int, seen: csr_array | None) -> NDArray[np.int64]:  # noqa: ARG002 - all
        """See `Opinions`."""
        return self.keys if seen is None else self.keys[~is_key_of(seen, self.keys)]

    def at(self, pairs: Pairs) -> NDArray[np.float32]:
        """See `Opinions`."""
        if not len(self.keys):
            return np.full(len(pairs.rows), -np.inf, dtype=np.float32)
        place, is_there = look_up(self.keys, pairs.rows * self.scores.shape[1] + pairs.items)
        return np.where(is_there, self.scores.data[place], np.float32(-np.inf))


@dataclass(frozen=True)
class ManyFolded:
    """Opinions on all items that have a vector: its inner product with that of the visitor.

    tastes  float32, shape (n_rows, size)
    """

    tastes: NDArray[np.float32]
    near: ByLength

    def moments(self) -> ManyMoments:
        """See `Opinions`."""
        n_items, n_silent = len(self.near.vectors), self.near.n_silent
        total, squares = self.near.sums_of_many(self.tastes)
        lowest = np.zeros(len(self.tastes))
        if n_silent:
            lowest = -self.near.nearest_of_many(-self.tastes, 1).scores[:, 0].astype(np.float64)
            lowest[~self.tastes.any(axis=1)] = 0
            total += n_silent * lowest
            squares += n_silent * np.square(lowest)
        mean = total / n_items
        deviation = np.sqrt(np.maximum(squares / n_items - np.square(mean), 0))
        return ManyMoments(mean, deviation, lowest)

    def best(self, n: int, seen: csr_array | None) -> NDArray[np.int64]:
        """See `Opinions`."""
        found = self.near.nearest_of_many(self.tastes, n, seen).items
        rows, places = np.nonzero(found >= 0)
        return rows * len(self.near.vectors) + found[rows, places]

    def at(self, pairs: Pairs) -> NDArray[np.float32]:
        """See `Opinions`."""
        found = np.empty(len(pairs.rows), dtype=np.float32)
        for start in range(0, len(found), ENTRIES_AT_ONCE):
            some = slice(start, start + ENTRIES_AT_ONCE)
            tastes, held = self.tastes[pairs.rows[some]], self.near.vectors[pairs.items[some]]
            np.einsum("ij,ij->i", held, tastes, out=found[some])
            found[some][~(held.any(axis=1) & tastes.any(axis=1))] = -np.inf
        return found
