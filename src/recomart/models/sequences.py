"""Histories in order: what somebody did, item after item, for models that read the order."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models.base import Recommender, TopN, check_history
from recomart.models.scorer import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.interactions import Interactions


@dataclass(frozen=True, slots=True)
class Sequences:
    """One row a user or a session; the items of a row in time order.

    items        int32, shape (n_events,): rows one after the other
    occurred_us  int64, shape (n_events,), never falling within a row; all 0 where time is unknown
    starts       int64, shape (n_rows + 1,): row r is ``items[starts[r]:starts[r + 1]]``
    n_items      size of the catalogue
    """

    items: NDArray[np.int32]
    occurred_us: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_items: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, rows: slice) -> Sequences:
        first, stop, _ = rows.indices(len(self))
        starts = self.starts[first : max(first, stop) + 1]
        span = slice(int(starts[0]), int(starts[-1]))
        return Sequences(self.items[span], self.occurred_us[span], starts - starts[0], self.n_items)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each row."""
        return np.diff(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each event."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @classmethod
    def of_users(cls, interactions: Interactions, users: NDArray[np.integer] | None = None) -> Self:
        """Return a row for each of `users` (all, if none are given): what they did, in order.

        Events that take something back or that say nothing (strength of at most 0) are left out.
        """
        n_users, n_items = interactions.shape
        counts = np.flatnonzero(interactions.strengths > 0)
        order = counts[np.argsort(interactions.users[counts], kind="stable")]
        starts = np.searchsorted(interactions.users[order], np.arange(n_users + 1))
        if users is not None:
            lengths = starts[np.asarray(users) + 1] - starts[users]
            firsts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            shift = np.repeat(starts[users] - firsts[:-1], lengths)
            order, starts = order[np.arange(firsts[-1]) + shift], firsts
        chosen = interactions.items[order], interactions.occurred_us[order]
        return cls(*chosen, starts.astype(np.int64), n_items)

    @classmethod
    def of_histories(cls, history: csr_array) -> Self:
        """Return a row for each history, which has no order: the weakest entry first."""
        history = csr_array(history)
        rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
        order = np.lexsort((history.indices, history.data, rows))
        items = history.indices[order].astype(np.int32)
        times = np.zeros(len(items), dtype=np.int64)
        return cls(items, times, history.indptr.astype(np.int64), int(history.shape[1]))

    def histories(self) -> csr_array:
        """Return how often each row holds each item: float32, shape (n_rows, n_items)."""
        ones = np.ones(len(self.items), dtype=np.float32)
        held = csr_array((ones, (self.rows, self.items)), shape=(len(self), self.n_items))
        held.sum_duplicates()
        return held

    def split(self, gap_us: int) -> Sequences:
        """Cut rows into sessions, wherever nothing happened for longer than `gap_us`."""
        is_late = np.diff(self.occurred_us, prepend=0) > gap_us
        cuts = np.union1d(np.flatnonzero(is_late), self.starts[:-1][self.lengths > 0])
        starts = np.append(cuts, len(self.items)).astype(np.int64)
        return Sequences(self.items, self.occurred_us, starts, self.n_items)

    def kept(self, kept: NDArray[np.bool_]) -> Sequences:
        """Return some of the events, over the same rows."""
        starts = np.searchsorted(self.rows[kept], np.arange(len(self) + 1)).astype(np.int64)
        return Sequences(self.items[kept], self.occurred_us[kept], starts, self.n_items)

    def last(self, n: int) -> Sequences:
        """Keep the last `n` events of each row."""
        lengths = np.minimum(self.lengths, n)
        return self.kept(
            np.arange(len(self.items)) >= np.repeat(self.starts[1:] - lengths, self.lengths)
        )


@runtime_checkable
class SequenceRecommender(Recommender, Protocol):
    """A recommender that also reads the order in which things were done.

    Given a history without order, it takes the strongest entry for the last.
    """

    def recommend_next(self, sequences: Sequences, n: int, *, exclude_seen: bool = True) -> TopN:
        """Rank at most `n` items that may come next in each row; see `Recommender.recommend`."""


class SequenceScorer(Scorer[Sequences]):
    """What sequence models share: `taste` is the sequence, and a model scores what comes next."""

    @property
    @abstractmethod
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""

    def taste(self, history: csr_array) -> Sequences:
        """Put a history into an order: the strongest entry last."""
        check_history(history, self.n_items)
        return Sequences.of_histories(history)

    def recommend_next(self, sequences: Sequences, n: int, *, exclude_seen: bool = True) -> TopN:
        """Rank what may come next; see `SequenceRecommender.recommend_next`."""
        if sequences.n_items != self.n_items:
            raise BadInputError(
                f"The sequences are over {sequences.n_items} items, the model knows "
                f"{self.n_items}.",
                remedy="Build them with the id map stored beside the model.",
            )
        seen = sequences.histories()
        return self.rank(sequences, seen, n, exclude_seen=exclude_seen)


def recommend_for(
    model: Recommender, history: csr_array, sequences: Sequences, n: int, *, exclude_seen: bool
) -> TopN:
    """Ask a model about the same rows in the form that it reads best."""
    if isinstance(model, SequenceRecommender):
        return model.recommend_next(sequences, n, exclude_seen=exclude_seen)
    return model.recommend(history, n, exclude_seen=exclude_seen)
