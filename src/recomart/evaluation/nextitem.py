"""Next-item prediction in sessions: after each event, is the next one on the list.

The protocol of session-rec: Ludewig and Jannach, "Evaluation of Session-based Recommendation
Algorithms", UMUAI 28, 2018. Each test session is revealed event by event; the list after each is
held to the next item alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.models.sequences import Sequences, recommend_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.base import Recommender
    from recomart.models.interactions import Interactions


@dataclass(frozen=True)
class NextItem:
    """Prefixes of sessions, and the item that came next after each.

    prefixes  a row for each event but the last of every session
    targets   int32, shape (n_rows,)
    """

    prefixes: Sequences
    targets: NDArray[np.int32]

    @classmethod
    def of(cls, sessions: Sequences, heard: NDArray[np.bool_]) -> NextItem:
        """Reveal sessions event by event; items that are not `heard` of are left out before.

        heard  bool, shape (n_items,): what models could learn of
        """
        kept = heard[sessions.items]
        lengths = np.bincount(sessions.rows[kept], minlength=len(sessions))
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        items, times = sessions.items[kept], sessions.occurred_us[kept]
        rows = np.repeat(np.arange(len(lengths)), lengths)
        ends = np.flatnonzero(np.append(rows[1:] == rows[:-1], [False] * min(len(rows), 1))) + 1
        firsts = starts[rows[ends - 1]]
        sizes = ends - firsts
        places = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        chosen = np.arange(places[-1]) + np.repeat(firsts - places[:-1], sizes)
        prefixes = Sequences(items[chosen], times[chosen], places, sessions.n_items)
        return cls(prefixes, items[ends])


def next_item(model: Recommender, asked: NextItem, k: int = 20) -> dict[str, float]:
    """Return ``hit_rate@k`` and ``mrr@k`` over all prefixes; what was seen may come again."""
    histories = asked.prefixes.histories()
    top = recommend_for(model, histories, asked.prefixes, k, exclude_seen=False)
    hits = top.items == asked.targets[:, None]
    ranks = hits.argmax(axis=1) + 1
    found = hits.any(axis=1)
    reciprocal = np.where(found, 1 / ranks, 0)
    return {f"hit_rate@{k}": float(found.mean()), f"mrr@{k}": float(reciprocal.mean())}


def cut_sessions(
    known: Interactions, later: Interactions, gap_us: int
) -> tuple[NextItem, NDArray[np.bool_]]:
    """Return the sessions of `later` to be predicted, and the items that `known` has heard of."""
    heard = np.zeros(known.shape[1], dtype=bool)
    heard[known.items] = True
    return NextItem.of(Sequences.of_users(later).split(gap_us), heard), heard
