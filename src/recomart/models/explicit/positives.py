"""What was taken, learned as if it were rated: 1, beside drawn items that were not, 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from recomart.models.explicit.descent import Descent, DescentConfig, Samples
from recomart.models.sparse import look_up

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class PositivesConfig(DescentConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `SVDRecommender`."""

    learning_rate: float = Field(0.02, gt=0, le=0.2, description="length of a step")
    negatives: int = Field(
        4, gt=0, description="items not taken that are drawn for each one taken, anew each epoch"
    )

    @property
    def mean(self) -> float:
        """The share of what was taken among the samples."""
        return 1 / (1 + self.negatives)


def learn_positives(taken: csr_array, config: PositivesConfig) -> Descent:
    """Descend on the entries of `taken`, shape (n_users, n_items), and on drawn negatives.

    Items that nobody took are never drawn, so their vectors stay 0.
    """
    n_users, n_items = taken.shape
    users = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(taken.indptr))
    items = taken.indices.astype(np.int64)
    pairs = np.sort(users * n_items + items)
    heard = np.unique(items)
    descent = Descent(config, users, items, (int(n_users), int(n_items)))
    for _ in range(config.epochs if len(pairs) else 0):
        others = np.repeat(users, config.negatives)
        drawn = heard[descent.rng.integers(len(heard), size=len(others))]
        wanted = others * n_items + drawn
        is_negative = ~look_up(pairs, wanted)[1]
        others, drawn = others[is_negative], drawn[is_negative]
        values = np.full(len(users) + len(others), -config.mean, dtype=np.float32)
        values[: len(users)] += 1
        everything = np.concatenate([users, others]), np.concatenate([items, drawn])
        descent.epoch(Samples(*everything, values))
    return descent
