"""What models share that score an item alike for everyone: popularity and trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from pydantic import BaseModel
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.base import TopN, check_history
from recomart.models.scorer import Scorer
from recomart.models.selection import Ranking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.interactions import Interactions
    from recomart.models.visitor import Visitor

Config = TypeVar("Config", bound=BaseModel)


class SameForAll(Scorer[csr_array], Generic[Config]):
    """One score an item, whatever the history.

    Learned: `item_scores_`, float32, shape (n_items,); -inf where there is no opinion. It has no
    opinion on likeness, so `similar_items` answers empty rows.
    """

    item_scores_: NDArray[np.float32]
    _ordered: tuple[NDArray[np.float32], NDArray[np.int32]] | None = None

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._item_scores())

    def taste(self, history: csr_array) -> csr_array:
        """Return the history, which changes nothing."""
        check_history(history, self.n_items)
        return history

    def scores_of(self, taste: csr_array) -> NDArray[np.float32]:
        """Repeat the scores for each row."""
        return np.tile(self._item_scores(), (taste.shape[0], 1))

    def rank(
        self,
        taste: Any,  # noqa: ANN401, ARG002 -- see `Scorer.rank`; it changes nothing
        seen: csr_array,
        n: int,
        *,
        exclude_seen: bool,
    ) -> TopN:
        """Take the best that are not in a row; see `Scorer.rank`."""
        top = TopN.empty(seen.shape[0], n)
        scores, order = self._item_scores(), self._order()
        best = order[:n]
        top.items[:, : len(best)], top.scores[:, : len(best)] = best, scores[best]
        if not exclude_seen:
            return top
        is_best = np.zeros(self.n_items, dtype=bool)
        is_best[best] = True
        rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
        for row in np.unique(rows[is_best[seen.indices]]).tolist():
            had = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
            best = order[: n + len(had)]
            best = best[~np.isin(best, had)][:n]
            top.items[row], top.scores[row] = -1, np.nan
            top.items[row, : len(best)], top.scores[row, : len(best)] = best, scores[best]
        return top

    def recommend_one(self, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
        """Take the best that a visitor did not have; see `recommend_to`."""
        best = self._order()[: n + len(visitor.items)]
        if exclude_seen and len(visitor.items):
            best = best[~visitor.has(best)]
        best = best[:n]
        return Ranking(best, self._item_scores()[best])

    def _order(self) -> NDArray[np.int32]:
        """Return the items of which there is an opinion, best first; ties go to the lower item."""
        scores = self._item_scores()
        if self._ordered is None or self._ordered[0] is not scores:
            order = np.argsort(-scores, kind="stable").astype(np.int32)
            self._ordered = scores, order[: int(np.isfinite(scores).sum())]
        return self._ordered[1]

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Answer empty rows; see `Recommender.similar_items`."""
        self._item_scores()
        return TopN.empty(len(items), n)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the scores; see `Recommender.arrays`."""
        return {"item_scores": self._item_scores()}

    @classmethod
    def from_arrays(cls, config: Config, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        scores = np.asarray(arrays.get("item_scores", np.empty(0)))
        if scores.dtype != np.float32 or scores.ndim != 1 or not bool((scores < np.inf).all()):
            raise ArtefactError(
                "The array item_scores is not one float32 score an item.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        model = cls(config)
        model.item_scores_ = scores
        return model

    def _item_scores(self) -> NDArray[np.float32]:
        """Return the scores, or say that there are none yet."""
        if not hasattr(self, "item_scores_"):
            raise NotFittedError(type(self).__name__)
        return self.item_scores_


def opinions(scores: NDArray[np.float64], held: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the scores as float32, with -inf (no opinion) where `held` is false."""
    return np.where(held, scores, -np.inf).astype(np.float32)


def per_item(
    items: NDArray[np.integer], worth: NDArray[np.float64], interactions: Interactions
) -> NDArray[np.float64]:
    """Sum what is given for each event over its item, shape (n_items,)."""
    total: NDArray[np.float64] = np.zeros(interactions.shape[1])
    np.add.at(total, items, worth)
    return total
