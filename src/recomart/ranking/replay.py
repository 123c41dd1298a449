"""Looking again at what the ranker looked at: the features behind a list that was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.ranking.knowledge import columns_of, matrix_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.ranking.champion import Champion
    from recomart.ranking.shop import History


@dataclass(frozen=True)
class Looked:
    """Rows of the ranker.

    columns  names of the columns of `rows`
    items    int32, places in the id map
    rows     float32, shape (n_items, n_columns), NaN where unknown
    scores   float32, parallel to the items: what the ranker makes of the rows
    """

    columns: tuple[str, ...]
    items: NDArray[np.int32]
    rows: NDArray[np.float32]
    scores: NDArray[np.float32]


def look_again(
    champion: Champion,
    user_id: str,
    history: History,
    items: NDArray[np.int32],
    *,
    exclude_seen: bool,
) -> Looked | None:
    """Return the ranker's rows of those items that the retrievers propose; None without a ranker.

    Asked as `Champion.answer` was, of the same features, it gives what was seen then. Raises
    StoreUnavailableError.
    """
    if champion.cascade is None or champion.cascade[0].ranker is None:
        return None
    cascade, knowing = champion.cascade
    ranker = champion.cascade[0].ranker
    proposed = cascade.candidates(champion.paths(history), exclude_seen=exclude_seen)
    found = proposed.take(np.isin(proposed.items, items))
    knowledge = knowing.at(user_id, history, with_seen=not exclude_seen)
    rows = matrix_of(found, np.array([history.row], dtype=np.int32), knowledge)
    is_cold = np.full(len(found.items), not len(history.visitor.items))
    columns = columns_of(found.retrievers, knowledge.names)
    return Looked(columns, found.items, rows, ranker.ordering(rows, is_cold))
