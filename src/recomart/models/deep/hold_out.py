"""The hold-out of deep models: one interaction of some users, by which training stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.sequences import Sequences

SHARE, MOST, LEAST_EVENTS = 0.2, 6_000, 3
"""Users held out: a share of those with so many events, at most so many."""
K = 20


@dataclass(frozen=True)
class HoldOut:
    """The last event of some users; where several happened last, one of them at random.

    users    int64, shape (n_users,): rows of the sequences
    events   int64, shape (n_users,): places in the sequences
    targets  int32, shape (n_users,): their items
    """

    users: NDArray[np.int64]
    events: NDArray[np.int64]
    targets: NDArray[np.int32]

    @classmethod
    def of(cls, sequences: Sequences, seed: int) -> HoldOut:
        """Draw users; none where nobody has enough events."""
        able = np.flatnonzero(sequences.lengths >= LEAST_EVENTS)
        n = min(MOST, max(int(SHARE * len(able)), min(len(able), 1)))
        rng = np.random.default_rng(seed)
        users = np.sort(rng.choice(able, n, replace=False))
        drawn = rng.random(len(sequences.items))
        order = np.lexsort((drawn, sequences.occurred_us, sequences.rows))
        events = order[sequences.starts[users + 1] - 1]
        return cls(users, events, sequences.items[events])

    def kept(self, sequences: Sequences) -> NDArray[np.bool_]:
        """Tell which events of the sequences may be learned from."""
        kept = np.ones(len(sequences.items), dtype=bool)
        kept[self.events] = False
        return kept


def ndcg_of_one(scores: NDArray[np.float32], targets: NDArray[np.int32]) -> float:
    """Return the mean NDCG@20 where one item is right; scores of shape (n_rows, n_items)."""
    if not len(targets):
        return 0.0
    own = np.take_along_axis(scores, targets[:, None].astype(np.int64), axis=1)
    ranks = (scores > own).sum(axis=1)
    return float(np.where(ranks < K, 1 / np.log2(ranks + 2), 0).mean())
