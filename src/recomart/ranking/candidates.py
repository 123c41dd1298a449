"""Retrieval: several models propose items; their union is what the ranker orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.models.item_to_item import ItemToItem
from recomart.models.selection import best_first
from recomart.models.sequences import recommend_for
from recomart.models.sparse import is_entry_of, place_in_row
from recomart.models.visitor import recommend_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.base import Recommender, TopN
    from recomart.models.selection import Ranking
    from recomart.models.sequences import Sequences
    from recomart.ranking.paths import Paths

RANK_OFFSET = 60
"""The constant of reciprocal rank fusion, as published; see `recomart.models.blend`."""


@dataclass(frozen=True)
class Candidates:
    """Items proposed for each of some rows (users or sessions), the most agreed upon first.

    retrievers  names, in the order of the columns below
    rows        int32, shape (n_candidates,), never falling: whose candidate it is
    items       int32, each at most once in a row
    scores      float32, shape (n_candidates, n_retrievers): NaN where a retriever did not propose;
                comparable within one row and retriever only
    ranks       float32, same shape: 1 is best, NaN as above
    fused       float32, shape (n_candidates,): summed 1 / (60 + rank), never rising in a row
    n_rows      number of rows, those without candidates too
    """

    retrievers: tuple[str, ...]
    rows: NDArray[np.int32]
    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    ranks: NDArray[np.float32]
    fused: NDArray[np.float32]
    n_rows: int

    @property
    def origins(self) -> NDArray[np.intp]:
        """For each, the place of the retriever that ranked it highest."""
        ranks = np.where(np.isnan(self.ranks), np.inf, self.ranks)
        best: NDArray[np.intp] = np.argmin(ranks, axis=1)
        return best

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Candidates:
        """Return some of the candidates, over the same rows."""
        return Candidates(
            self.retrievers,
            self.rows[kept],
            self.items[kept],
            self.scores[kept],
            self.ranks[kept],
            self.fused[kept],
            self.n_rows,
        )

    def contains(self, wanted: csr_array) -> NDArray[np.bool_]:
        """Tell which candidates are entries of `wanted`, shape (n_rows, n_items)."""
        return is_entry_of(wanted, self.rows, self.items)


def retrieve(
    models: Mapping[str, Recommender],
    history: csr_array,
    sequences: Sequences,
    *,
    each: int,
    most: int,
    exclude_seen: bool,
) -> Candidates:
    """Ask each model for `each` items a row, and keep the `most` on which they agree best.

    Agreement is reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
    """
    lists = [
        recommend_for(model, history, sequences, each, exclude_seen=exclude_seen)
        for model in models.values()
    ]
    return union(tuple(models), lists, int(history.shape[1]), most)


def retrieve_for(
    models: Mapping[str, Recommender],
    paths: Paths,
    *,
    each: int,
    most: int,
    exclude_seen: bool,
) -> Candidates:
    """Do for one visitor what `retrieve` does for a row; `paths`: through these models."""
    found = lists_for(models, paths, each, exclude_seen=exclude_seen)
    of = np.arange(len(found)).repeat([len(one.items) for one in found])
    held = _Held(
        np.zeros(len(of), dtype=np.int32),
        of,
        np.concatenate([np.arange(len(one.items)) for one in found]),
        np.concatenate([one.items for one in found]),
        np.concatenate([one.scores for one in found]),
    )
    return _joined(tuple(models), held, 1, paths.visitor.n_items, most)


def lists_for(
    models: Mapping[str, Recommender], paths: Paths, n: int, *, exclude_seen: bool
) -> list[Ranking]:
    """Ask each model about the visitor of the paths; those that link items, by the paths."""
    by_paths: dict[int, Ranking] = {}
    if any(isinstance(model, ItemToItem) for model in models.values()):
        lists = paths.best(n, exclude_seen=exclude_seen)  # of members of a blend, too
        by_paths = {id(one): found for one, found in zip(paths.models, lists, strict=True)}
    return [
        by_paths[id(model)]
        if id(model) in by_paths
        else recommend_to(model, paths.visitor, n, exclude_seen=exclude_seen)
        for model in models.values()
    ]


def union(
    retrievers: tuple[str, ...], lists: Sequence[TopN], n_items: int, most: int
) -> Candidates:
    """Join lists over the same rows; ties in agreement go to the lower item."""
    parts = []
    for place, top in enumerate(lists):
        rows, at = np.nonzero(top.items >= 0)
        of = np.full(len(rows), place)
        parts.append((rows, of, at, top.items[rows, at], top.scores[rows, at]))
    held = _Held(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return _joined(retrievers, held, len(lists[0].items), n_items, most)


class _Held(NamedTuple):
    """What lists hold, one entry after the other; `of`: whose list it is; places count from 0."""

    rows: NDArray[np.integer]
    of: NDArray[np.intp]
    places: NDArray[np.intp]
    items: NDArray[np.int32]
    scores: NDArray[np.float32]


def _joined(
    retrievers: tuple[str, ...], held: _Held, n_rows: int, n_items: int, most: int
) -> Candidates:
    keys = held.items if n_rows == 1 else held.rows * np.int64(n_items) + held.items
    distinct, entries = np.unique(keys, return_inverse=True)
    at = (held.places + 1).astype(np.float32)
    fused = np.bincount(entries, 1 / (RANK_OFFSET + at)).astype(np.float32)
    if n_rows == 1:
        rows, items = np.zeros(len(distinct), dtype=np.int32), distinct
        order = (-fused).argsort(kind="stable")[:most]  # distinct items rise
    else:
        rows, items = np.divmod(distinct, n_items)
        order = best_first(rows, fused)
        order = order[place_in_row(rows[order]) < most]
    place = np.full(len(distinct), -1)
    place[order] = np.arange(len(order))
    places = place[entries]
    kept = places >= 0
    scores, ranks = np.full((2, len(order), len(retrievers)), np.nan, dtype=np.float32)
    scores[places[kept], held.of[kept]] = held.scores[kept]
    ranks[places[kept], held.of[kept]] = at[kept]
    rows, items = (part[order].astype(np.int32) for part in (rows, items))
    return Candidates(retrievers, rows, items, scores, ranks, fused[order], n_rows)
