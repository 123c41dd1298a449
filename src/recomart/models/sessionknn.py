"""Session kNN: what came next in recent sessions like this one.

The family of Jannach and Ludewig, "When Recurrent Neural Networks meet the Neighborhood for
Session-Based Recommendation", RecSys 2017 (V-SkNN), with the index of Kersbergen, Sprangers and
Schelter, "Serenade: Low-Latency Session-Based Recommendation", SIGMOD 2022 (VMIS-kNN), and the
decays of Garg, Gupta, Malhotra, Vig and Shroff, "Sequence and Time Aware Neighborhood for
Session-based Recommendations", SIGIR 2019 (STAN).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.opinion import Sparse
from recomart.models.scorer import SparseScorer, one_item_histories
from recomart.models.sequences import Sequences, SequenceScorer
from recomart.models.sparse import place_in_row, ranges, summed
from recomart.vocabulary import DAY_US, MINUTE_US

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions
    from recomart.models.selection import Ranking
    from recomart.models.visitor import Visitor


class SessionKNNConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `SessionKNN`."""

    session_gap_minutes: float = Field(30.0, gt=0, description="silence that ends a session")
    neighbours: int = Field(500, gt=0, description="most similar sessions that vote")
    sessions_per_item: int = Field(
        1_000, gt=0, description="most recent sessions of an item that are looked at"
    )
    last_events: int = Field(20, gt=0, description="events of a history that count, from its end")
    position_decay: float = Field(
        2.0, gt=0, description="events back in the history at which an event counts 1/e"
    )
    distance_decay: float = Field(
        2.0, gt=0, description="steps from the shared item at which a neighbour's item counts 1/e"
    )
    half_life_days: float = Field(
        30.0, gt=0, description="a session that ended so long ago counts half"
    )
    idf_exponent: float = Field(
        0.5, ge=0, le=1, description="rare items count more: idf is raised to it; 0: all alike"
    )


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The sessions that vote, for one history after the other.

    rows        shape (n_neighbours,), never falling: for whom
    sessions    same shape
    likeness    float32, same shape
    position    float32, same shape: where the neighbour holds the latest item that is shared
    """

    rows: NDArray[np.integer]
    sessions: NDArray[np.integer]
    likeness: NDArray[np.float32]
    position: NDArray[np.float32]


class SessionKNN(SparseScorer[Sequences], SequenceScorer):
    """``score(j) = idf(j) sum_n like(s, n) exp(-|pos_n(j) - pos_n(shared)| / distance_decay)``.

    ``like(s, n) = sum_{i in both} exp(-back(i) / position_decay) * age(n) / sqrt(|n|)`` over the
    most recent sessions n of each of the last items i of the history, where back(i) counts events
    from its end and age halves every `half_life_days`; the nearest `neighbours` vote.

    Learned: sessions as the items that they hold, each once, with positions, and for each item its
    most recent sessions. No opinion where no neighbour holds an item.
    """

    idf_: NDArray[np.float32]
    item_starts_: NDArray[np.int64]
    item_sessions_: NDArray[np.int32]
    item_positions_: NDArray[np.int32]
    session_starts_: NDArray[np.int64]
    session_items_: NDArray[np.int32]
    session_positions_: NDArray[np.int32]
    session_weights_: NDArray[np.float32]

    def __init__(self, config: SessionKNNConfig | None = None) -> None:
        self.config = config or SessionKNNConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._fitted().item_starts_) - 1

    def fit(self, interactions: Interactions) -> Self:
        """Find sessions and index them; see `Recommender.fit`."""
        gap_us = round(self.config.session_gap_minutes * MINUTE_US)
        sessions = Sequences.of_users(interactions).split(gap_us)
        items, rows, positions = _last_of_each(sessions)
        starts = np.searchsorted(rows, np.arange(len(sessions) + 1))
        ended_us = np.zeros(len(sessions), dtype=np.int64)
        ended_us[sessions.rows] = sessions.occurred_us  # the last of a session stays
        age_days = (interactions.now_us - ended_us) / DAY_US
        age = np.exp2(-age_days / self.config.half_life_days)
        n_items = interactions.shape[1]
        self.session_starts_ = starts.astype(np.int64)
        self.session_items_, self.session_positions_ = items, positions
        self.session_weights_ = (age / np.sqrt(np.maximum(np.diff(starts), 1))).astype(np.float32)
        self._index(rows, ended_us, n_items)
        n_holding = np.bincount(items, minlength=n_items)
        idf = np.log1p(len(sessions) / np.maximum(n_holding, 1)) ** self.config.idf_exponent
        self.idf_ = idf.astype(np.float32)
        return self

    def some_scores_of(self, taste: Sequences) -> csr_array:
        """Let the nearest sessions of each row vote."""
        self._fitted()
        n_rows, recent = len(taste), taste.last(self.config.last_events)
        keys, scores = self._after(recent.items, recent.rows, recent.starts[1:])
        rows, items = np.divmod(keys, self.n_items)
        starts = np.searchsorted(rows, np.arange(n_rows + 1))
        return csr_array((scores, items, starts), shape=(n_rows, self.n_items))

    def recommend_one(self, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
        """Let the sessions nearest to what a visitor did vote; see `recommend_to`."""
        found = self.opinion_of(visitor)
        return visitor.best_of(found.items, found.scores, n, exclude_seen=exclude_seen)

    def opinion_of(self, visitor: Visitor) -> Sparse:
        """Return what it thinks comes next for a visitor."""
        self._fitted()
        recent = visitor.latest[-self.config.last_events :]
        if not len(recent):
            return Sparse(recent, np.empty(0, dtype=np.float32), self.n_items)
        nobody = np.zeros(len(recent), dtype=np.int64)
        items, scores = self._after(recent, nobody, np.array([len(recent)]))
        return Sparse(items.astype(np.int32), scores, self.n_items)

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the score after a session of that item alone; see `Recommender`."""
        return self.recommend(one_item_histories(items, self.n_items), n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Split the score as the entries would score the item alone; sums to it."""
        whole = float(self.scores(history)[0, item])
        parts = np.zeros(history.nnz, dtype=np.float32)
        if not np.isfinite(whole):
            return parts
        for place in range(history.nnz):
            alone = history.copy()
            alone.data, alone.indices = alone.data[[place]], alone.indices[[place]]
            alone.indptr = np.array([0, 1], dtype=alone.indptr.dtype)
            parts[place] = np.maximum(self.scores(alone)[0, item], 0)
        total = float(parts.sum())
        return parts * np.float32(whole / total) if total > 0 else parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learned; see `Recommender.arrays`."""
        fitted = self._fitted()
        return {name: getattr(fitted, f"{name}_") for name in _DTYPES}

    @classmethod
    def from_arrays(
        cls, config: SessionKNNConfig, arrays: Mapping[str, NDArray[np.generic]]
    ) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        model = cls(config)
        for name, dtype in _DTYPES.items():
            found = arrays.get(name, np.empty((0, 0)))
            if found.dtype != dtype or found.ndim != 1:
                raise _refused(name)
            setattr(model, f"{name}_", found)
        model._check()
        return model

    def forget(self, theirs: SessionKNN) -> int:
        """Forget the sessions that another one of this kind learned alone; return how many.

        A session is found by its items, their positions and when it ended: who had it, no model
        knows. What was counted of all sessions (`idf_`) stays.
        """
        gone = np.zeros(len(self.session_weights_), dtype=bool)
        for place in range(len(theirs.session_weights_)):
            gone[self._find(theirs, place, gone)] = True
        if gone.any():
            self._drop(gone)
        return int(gone.sum())

    def _find(self, theirs: SessionKNN, place: int, gone: NDArray[np.bool_]) -> list[int]:
        """Return where a session of another stands here, at most one place."""
        ended = np.isclose(self.session_weights_, theirs.session_weights_[place], rtol=3e-7, atol=0)
        first, stop = theirs.session_starts_[place : place + 2]
        wanted = theirs.session_items_[first:stop], theirs.session_positions_[first:stop]
        for at in np.flatnonzero(ended & ~gone):
            span = slice(*self.session_starts_[at : at + 2])
            found = self.session_items_[span], self.session_positions_[span]
            if all(map(np.array_equal, found, wanted)):
                return [int(at)]
        return []

    def _drop(self, gone: NDArray[np.bool_]) -> None:
        """Take sessions out of all arrays."""
        lengths = np.diff(self.session_starts_)
        held = np.repeat(~gone, lengths)
        self.session_items_ = self.session_items_[held]
        self.session_positions_ = self.session_positions_[held]
        self.session_starts_ = np.append(0, np.cumsum(lengths[~gone])).astype(np.int64)
        self.session_weights_ = self.session_weights_[~gone]
        listed = ~gone[self.item_sessions_]
        before = np.append(0, np.cumsum(listed))
        self.item_starts_ = before[self.item_starts_].astype(np.int64)
        numbers = (np.cumsum(~gone) - 1).astype(np.int32)
        self.item_sessions_ = numbers[self.item_sessions_[listed]]
        self.item_positions_ = self.item_positions_[listed]

    def _index(self, rows: NDArray[np.int64], ended_us: NDArray[np.int64], n_items: int) -> None:
        """Keep for each item its most recent sessions, the latest first."""
        items = self.session_items_
        order = np.lexsort((-rows, -ended_us[rows], items))
        order = order[place_in_row(items[order]) < self.config.sessions_per_item]
        self.item_starts_ = np.searchsorted(items[order], np.arange(n_items + 1)).astype(np.int64)
        self.item_sessions_ = rows[order].astype(np.int32)
        self.item_positions_ = self.session_positions_[order]

    def _after(
        self, items: NDArray[np.int32], rows: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        """Return what may come after some histories, as ``row * n_items + item``, and its scores.

        The histories stand one after the other, the latest item of each last; what is returned
        rises.

        rows  of each item
        ends  of each row: where the next begins
        """
        most = len(ends) * max(self.n_items, len(self.session_weights_))
        narrow = rows.astype(np.int32) if most <= np.iinfo(np.int32).max else rows
        voters = self._neighbours(items, narrow, ends[rows] - 1 - np.arange(len(items)))
        keys, worth = self._votes(voters)
        keys, total = summed(keys, worth, len(ends) * self.n_items)
        return keys, total * self.idf_[keys % self.n_items]

    def _neighbours(
        self, items: NDArray[np.int32], rows: NDArray[np.integer], back: NDArray[np.int64]
    ) -> Neighbours:
        """Find the sessions most like each history; `back`: items that came after, in the row."""
        n_items, n_sessions = self.n_items, len(self.session_weights_)
        keys, latest = np.unique((rows * n_items + items)[::-1], return_index=True)
        worth = np.exp(-back[::-1][latest] / self.config.position_decay)
        rows, items = np.divmod(keys, n_items)
        spans = self.item_starts_[items], self.item_starts_[items + 1]
        entries = ranges(*spans)
        of_item = np.repeat(np.arange(len(items)), spans[1] - spans[0])
        sessions = rows[of_item] * n_sessions + self.item_sessions_[entries]
        order = np.lexsort((worth[of_item], sessions))  # the latest shared item comes last
        sessions, of_item, entries = sessions[order], of_item[order], entries[order]
        is_last = np.append(np.diff(sessions) != 0, np.ones(min(len(sessions), 1), dtype=bool))
        ends = np.flatnonzero(is_last)
        summed = np.add.reduceat(worth[of_item], np.append(0, ends[:-1] + 1)) if len(ends) else ends
        rows, found = np.divmod(sessions[ends], n_sessions)
        likeness = summed * self.session_weights_[found]
        kept = _nearest(rows, likeness, self.config.neighbours)
        return Neighbours(
            rows[kept],
            found[kept],
            likeness[kept].astype(np.float32),
            self.item_positions_[entries[ends[kept]]].astype(np.float32),
        )

    def _votes(self, voters: Neighbours) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        """Return for whom the sessions vote, ``row * n_items + item``, and what each vote is worth.

        A key comes again where several sessions hold the item.
        """
        first, stop = (self.session_starts_[voters.sessions + place] for place in (0, 1))
        entries = ranges(first, stop)
        voter = np.repeat(np.arange(len(first)), stop - first)
        away = np.abs(self.session_positions_[entries] - voters.position[voter])
        worth = voters.likeness[voter] * np.exp(-away / self.config.distance_decay)
        keys = voters.rows[voter] * self.n_items + self.session_items_[entries]
        return keys, worth.astype(np.float32)

    def _fitted(self) -> Self:
        if not hasattr(self, "idf_"):
            raise NotFittedError(type(self).__name__)
        return self

    def _check(self) -> None:
        """Refuse arrays that point outside each other."""
        n_sessions, n_items = len(self.session_starts_) - 1, len(self.item_starts_) - 1
        held = len(self.session_items_)
        if not _are_starts(self.session_starts_, held) or held != len(self.session_positions_):
            raise _refused("session_starts")
        if not _are_starts(self.item_starts_, len(self.item_sessions_)):
            raise _refused("item_starts")
        inside = _is_inside(self.session_items_, n_items)
        if not inside or not _is_inside(self.item_sessions_, n_sessions):
            raise _refused("session_items")
        if (len(self.idf_), len(self.session_weights_)) != (n_items, n_sessions):
            raise _refused("idf")
        if len(self.item_positions_) != len(self.item_sessions_):
            raise _refused("item_positions")
        if not (np.isfinite(self.idf_).all() and np.isfinite(self.session_weights_).all()):
            raise _refused("idf")


_DTYPES = {
    "idf": np.float32,
    "item_positions": np.int32,
    "item_sessions": np.int32,
    "item_starts": np.int64,
    "session_items": np.int32,
    "session_positions": np.int32,
    "session_starts": np.int64,
    "session_weights": np.float32,
}


def _nearest(
    rows: NDArray[np.integer], likeness: NDArray[np.floating], most: int
) -> NDArray[np.intp] | slice:
    """Choose at most so many of each row by likeness, in the order that they have; rows rise.

    Of equals, those that lie together in the index of sessions.
    """
    if len(rows) <= most:
        return slice(None)
    if rows[0] == rows[-1]:  # serving asks for one
        return np.sort(np.argsort(-likeness, kind="stable")[:most])
    order = np.lexsort((-likeness, rows))
    return np.sort(order[place_in_row(rows) < most])


def _last_of_each(
    sessions: Sequences,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """Return items, sessions and positions, each item of a session once, where it came last."""
    rows = sessions.rows
    positions = np.arange(len(rows)) - np.repeat(sessions.starts[:-1], sessions.lengths)
    keys = rows * np.int64(sessions.n_items) + sessions.items
    _, first = np.unique(keys[::-1], return_index=True)
    kept = np.sort(len(keys) - 1 - first)
    return sessions.items[kept], rows[kept], positions[kept].astype(np.int32)


def _are_starts(starts: NDArray[np.int64], n_entries: int) -> bool:
    """Whether starts rise from 0 to the number of entries."""
    return bool(
        len(starts) > 0
        and starts[0] == 0
        and starts[-1] == n_entries
        and (np.diff(starts) >= 0).all()
    )


def _is_inside(indices: NDArray[np.int32], size: int) -> bool:
    return not len(indices) or bool(indices.min() >= 0 and indices.max() < size)


def _refused(name: str) -> ArtefactError:
    return ArtefactError(
        f"The array {name} does not belong to the others, or lacks.",
        remedy="Fit the model again, or restore the artefact from a backup.",
    )
