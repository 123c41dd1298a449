"""The question that models are asked: what comes next for these users, as known at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models.sequences import Sequences
from recomart.ranking.interactions import learning_window
from recomart.vocabulary import CANCEL, DAY_US, EVENT_TYPES, PURCHASE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.interactions import Interactions
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import EvaluationSettings, Settings

LONGEST_LABEL_DAYS = 28.0
LABEL_SHARE = 0.1
"""Of the time before the test window, where `ranking.label_days` is not set."""


@dataclass(frozen=True)
class Question:
    """Lists for some users, held to what they did later.

    train      weights of all users, shape (n_all_users, n_items)
    users      int32, shape (n_users,): who is asked about, as indices into the id map
    history    weights of these users, shape (n_users, n_items)
    sequences  the same histories in order
    relevant   what counts as a hit, shape (n_users, n_items)
    now_us     the moment of asking; histories end before it
    n_all      users of which `users` are a sample
    """

    train: csr_array
    users: NDArray[np.int32]
    history: csr_array
    sequences: Sequences
    relevant: csr_array
    now_us: int
    n_all: int


@dataclass(frozen=True)
class Windows:
    """Three moments, µs, that cut time into: known | learn the ranker | calibrate | test."""

    learn_us: int
    calibrate_us: int
    cut_us: int


def windows(first_us: int, cut_us: int, label_days: float | None) -> Windows:
    """Cut two windows of equal length off the time from `first_us` until `cut_us`."""
    days = label_days or min(LONGEST_LABEL_DAYS, LABEL_SHARE * (cut_us - first_us) / DAY_US)
    length = min(round(days * DAY_US), (cut_us - first_us) // 3)
    return Windows(cut_us - 2 * length, cut_us - length, cut_us)


def ask(
    data: EventArrays,
    known: Interactions,
    until_us: int,
    settings: EvaluationSettings,
    max_users: int,
) -> Question:
    """Ask at the moment of `known` about what is done from then on until `until_us`.

    Relevant is what a user does in that time with one of the event types that count; a purchase
    taken back in that time does not. Raises BadInputError where nobody does anything.
    """
    relevant = _relevant(data.between(known.now_us, until_us), settings)
    if settings.exclude_seen:
        relevant = relevant - relevant.multiply(known.weights.astype(bool))
        relevant.eliminate_zeros()
    users = np.flatnonzero(np.diff(relevant.indptr)).astype(np.int32)
    if not len(users):
        raise BadInputError(
            "Nobody did anything relevant in the test window.",
            remedy="Lengthen `evaluation.test_days`, or widen `evaluation.relevant`.",
        )
    n_all = len(users)
    if n_all > max_users:
        rng = np.random.default_rng(settings.seed)
        users = np.sort(rng.choice(users, max_users, replace=False))
    return Question(
        train=known.weights,
        users=users,
        history=known.weights[users],
        sequences=Sequences.of_users(known, users),
        relevant=csr_array(relevant[users]),
        now_us=known.now_us,
        n_all=n_all,
    )


def known_at(data: EventArrays, now_us: int, settings: Settings) -> Interactions:
    """Return what models learn from at a moment: of the last `models.train_days`, if set."""
    return learning_window(data, now_us, settings.models.train_days).interactions(now_us)


def _relevant(test: EventArrays, settings: EvaluationSettings) -> csr_array:
    """Return what each user has to be shown: shape (n_users, n_items), ones."""
    kinds = [EVENT_TYPES.index(kind) for kind in settings.relevant]
    counts = np.isin(test.types, kinds).astype(np.int64)
    if PURCHASE in settings.relevant:
        counts -= test.types == EVENT_TYPES.index(CANCEL)
    found = csr_array((counts, (test.users, test.items)), shape=test.shape)
    found.sum_duplicates()
    found.data = (found.data > 0).astype(np.int64)
    found.eliminate_zeros()
    return found
