"""Lists of a blend for many visitors, by the few items of each that may be among the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.models.opinions import Pairs
from recomart.models.selection import top_of_entries
from recomart.models.sparse import is_key_of, ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.base import TopN
    from recomart.models.opinions import Opinions


class Filling(NamedTuple):
    """How popularity fills what the members leave open.

    by      the popularity of each item, float32
    order   int32, the most popular first; ties go to the lower item
    scores  float32, shape (n_items,): -1 for the most popular, -2 for the next …
    """

    by: NDArray[np.float32]
    order: NDArray[np.int32]
    scores: NDArray[np.float32]


class Voice(NamedTuple):
    """What one member thinks, and how much that counts."""

    weight: np.float32
    opinions: Opinions


def rank_block(
    voices: Sequence[Voice], filling: Filling, seen: csr_array, n: int, *, exclude_seen: bool
) -> TopN:
    """Rank for a block of visitors as `Blend.recommend_one` does for each.

    Where every member but one scores few items (their union U), an item outside U stands where that
    one puts it: its n best, and all of U, hold the n best of the blend. Popularity fills.

    seen  what each had, shape (n_rows, n_items)
    """
    n_rows, n_items = seen.shape
    out = seen if exclude_seen else None
    found = np.unique(np.concatenate([voice.opinions.best(n, out) for voice in voices]))
    more = _popular(found // n_items, filling, seen, n)
    if exclude_seen:
        more = more[~is_key_of(seen, more)]
    pairs = Pairs.of(np.union1d(found, more), n_items)
    scores = _scores_at(voices, pairs, filling, n_rows)
    return top_of_entries(pairs.rows, pairs.items, scores, n_rows, n)


def _popular(
    rows: NDArray[np.int64], filling: Filling, seen: csr_array, n: int
) -> NDArray[np.int64]:
    """Return what fills the rows of which fewer than `n` candidates are found, as keys.

    rows  of the candidates that are found
    """
    n_rows, n_items = seen.shape
    n_found = np.bincount(rows, minlength=n_rows)
    n_more = np.where(n_found < n, n + n_found + np.diff(seen.indptr), 0)
    n_more = np.minimum(n_more, n_items)  # as many as are surely left when those are taken out
    owners = np.repeat(np.arange(n_rows, dtype=np.int64), n_more)
    items = filling.order[ranges(np.zeros(n_rows, dtype=np.int64), n_more)]
    return owners * n_items + items


def _scores_at(
    voices: Sequence[Voice], pairs: Pairs, filling: Filling, n_rows: int
) -> NDArray[np.float32]:
    """Return the scores of some pairs, as `Blend.scores_of` would of all."""
    total = np.zeros(len(pairs.rows), dtype=np.float32)
    is_open = np.ones(len(pairs.rows), dtype=bool)
    every, lowest = np.arange(n_rows), np.zeros(n_rows, dtype=np.float32)
    for weight, opinions in voices:
        moments, scores = opinions.moments(), opinions.at(pairs)
        is_open &= np.isneginf(scores)
        total += weight * moments.standardised(scores, pairs.rows)
        lowest += weight * moments.standardised(moments.lowest, every)
    return np.where(is_open, lowest[pairs.rows] + filling.scores[pairs.items], total)
