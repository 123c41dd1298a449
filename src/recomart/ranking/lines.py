"""From items in order to the lines that a person reads: full, with reasons and confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from recomart.models.item_to_item import ItemToItem
from recomart.ranking.segments import segment_of
from recomart.ranking.shop import did

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from recomart.models.base import Recommender
    from recomart.ranking.confidence import Confidence
    from recomart.ranking.shop import History, Shop

POPULAR = "popularity"
"""Source of what fills a list."""
POPULAR_NOW = "popular now"
SHOWN_REASONS = 2
"""History items named in a reason."""
LOOKED_AT = 30
"""Latest history items that a reason is sought among."""


@dataclass(frozen=True)
class Recommendation:
    """One line of a list.

    score       compares within the list only; it has no unit; None where no model gave one
    source      the retriever that ranked it highest, or popularity
    confidence  of what people wanted in lists like this one, the share that stood as low or lower:
                from 0 to 1; see `recomart.ranking.confidence`
    recommendation_id  of the list; it leads to the model: `recomart lineage <id>`
    """

    rank: int
    item_id: str
    title: str
    category_id: str | None
    price: float | None
    score: float | None
    source: str
    reason: str
    confidence: float | None = None
    available: bool | None = None
    recommendation_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Ordered:
    """Items for one history, best first.

    items    int32, each once
    scores   float32, parallel; NaN where no model gave one
    sources  what brought each
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    sources: Sequence[str]

    def where(self, allowed: NDArray[np.bool_]) -> Ordered:
        """Leave out the items that are not allowed; `allowed`: shape (n_items,)."""
        return self.take(np.flatnonzero(allowed[self.items]))

    def take(self, places: NDArray[np.integer]) -> Ordered:
        """Return the items at these places, in their order."""
        sources = [self.sources[place] for place in places.tolist()]
        return Ordered(self.items[places], self.scores[places], sources)

    def first(self, n: int) -> Ordered:
        """Return the first `n`."""
        return Ordered(self.items[:n], self.scores[:n], self.sources[:n])

    def filled(self, fillers: NDArray[np.int32], n: int) -> Ordered:
        """Add fillers until there are `n`; those that are in it already are passed over."""
        missing = n - len(self.items)
        if missing <= 0:
            return self
        more = fillers[~np.isin(fillers, self.items)][:missing]
        return Ordered(
            np.concatenate([self.items, more]),
            np.concatenate([self.scores, np.full(len(more), np.nan, dtype=np.float32)]),
            [*self.sources, *[POPULAR] * len(more)],
        )


@dataclass(frozen=True)
class Judge:
    """Gives lines their confidence.

    is_tail  bool, shape (n_items,)
    light    a history of at most so many items is that of a light user
    """

    confidence: Confidence
    is_tail: NDArray[np.bool_]
    light: int

    def of(self, history: History, items: NDArray[np.int32]) -> list[float]:
        """Return the confidence of items in the order of a list."""
        segment = segment_of(np.array([history.weights.nnz]), self.light)
        ranks = np.arange(1, len(items) + 1, dtype=np.float64)
        segments = np.repeat(segment, len(items))
        found: list[float] = self.confidence.of(segments, self.is_tail[items], ranks).tolist()
        return found


def reasons(
    models: Mapping[str, Recommender], shop: Shop, history: History, found: Ordered
) -> list[str]:
    """Say of each item what in the history speaks for it most; "popular now" where nothing does."""
    kinds = dict(zip(history.weights.indices.tolist(), history.types.tolist(), strict=True))
    latest = dict.fromkeys(history.sequence.items[-LOOKED_AT:].tolist())  # each is named once
    held = np.array([item for item in latest if item in kinds], dtype=np.int32)  # not taken back
    shares = np.zeros((len(held), len(found.items)), dtype=np.float32)
    linked = [model for model in models.values() if isinstance(model, ItemToItem)]
    for model in linked:
        links = model.links(held, found.items)
        shares += links / np.maximum(links.sum(axis=0), np.float32(1e-30))
    if not linked and len(models) and len(held):
        shares = _contributions(next(iter(models.values())), history, held, found.items)
    return [_reason(shop, held, kinds, shares[:, k]) for k in range(len(found.items))]


def _contributions(
    model: Recommender, history: History, held: NDArray[np.int32], items: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Split the scores of a model that links no items one by one: shape (n_held, n_items)."""
    places = np.searchsorted(history.weights.indices, held)
    parts = [model.contributions(history.weights, int(item))[places] for item in items]
    shares: NDArray[np.float32] = np.maximum(np.array(parts, dtype=np.float32).T, 0)
    return shares.reshape(len(held), len(items))


def _reason(
    shop: Shop, held: NDArray[np.int32], kinds: Mapping[int, int], shares: NDArray[np.float32]
) -> str:
    best = [k for k in np.argsort(-shares, kind="stable")[:SHOWN_REASONS] if shares[k] > 0]
    if not best:
        return POPULAR_NOW
    told = [f"{did(kinds[int(held[k])])} {shop.title(int(held[k]))}" for k in best]
    return "because you " + " and ".join(told)


def as_lines(
    shop: Shop, found: Ordered, why: Sequence[str], sure: Sequence[float] | None, signed: str
) -> list[Recommendation]:
    """Turn items into lines; `sure`: their confidence, if there is any; `signed`: the list's id."""
    told = shop.items.take(found.items).to_pylist()
    scores = [None if score != score else score for score in found.scores.tolist()]  # noqa: PLR0124 - NaN
    return [
        Recommendation(
            rank=place + 1,
            item_id=row["item_id"],
            title=row["item_id"] if row["title"] is None else row["title"],
            category_id=row["category_id"],
            price=row["price"],
            score=scores[place],
            source=found.sources[place],
            reason=why[place],
            confidence=None if sure is None else sure[place],
            available=row["available"],
            recommendation_id=signed,
        )
        for place, row in enumerate(told)
    ]
