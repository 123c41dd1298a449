"""Ways to part interactions into what is known and what is to be found.

In time for all users at once is what a shop lives through, and what the evaluation stage does.
The others are here to compare with what is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models.interactions import Interactions
from recomart.models.sequences import Sequences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """What models learn from, and what each user did beside it.

    known     the events that are kept, over the same id maps
    users     int64, shape (n_users,): users of whom something is held out
    relevant  what is held out, ones, shape (n_users, n_items), without what is known of them
    """

    known: Interactions
    users: NDArray[np.int64]
    relevant: csr_array

    @property
    def history(self) -> csr_array:
        """The weights of the users that are asked about."""
        return self.known.weights[self.users]

    @property
    def sequences(self) -> Sequences:
        """The same in order."""
        return Sequences.of_users(self.known, self.users)


def split_in_time(interactions: Interactions, at_us: int) -> Split:
    """Hold out what happens from one moment on. Raises BadInputError where nothing does."""
    return _split(interactions, interactions.occurred_us >= at_us, at_us)


def leave_last(interactions: Interactions, n: int = 1) -> Split:
    """Hold out the last `n` events of every user who has more; others are only learned from.

    The future of one user is the past of another: figures are higher than in time (Meng et al.,
    "Exploring Data Splitting Strategies for the Evaluation of Recommendation Models", RecSys 2020).
    """
    order = np.argsort(interactions.users, kind="stable")  # in time within a user
    users = interactions.users[order]
    lengths = np.bincount(users, minlength=interactions.shape[0])
    place = np.arange(len(users)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    held = np.zeros(len(users), dtype=bool)
    held[order] = (place >= lengths[users] - n) & (lengths[users] > n)
    return _split(interactions, held, interactions.now_us)


def k_fold(interactions: Interactions, n_folds: int, seed: int) -> Iterator[Split]:
    """Yield `n_folds` splits; each event is held out in one of them, drawn at random."""
    if n_folds < 2:
        raise BadInputError(
            f"{n_folds} folds were asked for.", remedy="Ask for at least two: one is held out."
        )
    drawn = np.random.default_rng(seed).permutation(len(interactions.users)) % n_folds
    for fold in range(n_folds):
        yield _split(interactions, drawn == fold, interactions.now_us)


def _split(interactions: Interactions, held: NDArray[np.bool_], now_us: int) -> Split:
    """Part events into known and held out."""
    known = Interactions.from_events(
        interactions.users[~held],
        interactions.items[~held],
        interactions.strengths[~held],
        interactions.occurred_us[~held],
        shape=interactions.shape,
        now_us=now_us,
    )
    counts = held & (interactions.strengths > 0)
    places = interactions.users[counts], interactions.items[counts]
    ones = np.ones(int(counts.sum()), dtype=np.int64)
    found = csr_array((ones, places), shape=interactions.shape)
    found.sum_duplicates()
    found.data[:] = 1
    found = csr_array(found - found.multiply(known.weights.astype(bool)))
    found.eliminate_zeros()
    users = np.flatnonzero(np.diff(found.indptr))
    if not len(users):
        raise BadInputError(
            "Nothing new is held out: no user has anything to find.",
            remedy="Split at an earlier moment, or hold out more.",
        )
    return Split(known, users, csr_array(found[users]))
