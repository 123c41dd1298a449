"""From items in order to the lines that a person reads: full, with reasons and confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from recomart.models.ials import IALS
from recomart.ranking.paths import members
from recomart.ranking.segments import segment_of
from recomart.ranking.shop import did

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from recomart.models.base import Recommender
    from recomart.models.selection import Ranking
    from recomart.models.visitor import Visitor
    from recomart.ranking.confidence import Confidence
    from recomart.ranking.paths import Paths
    from recomart.ranking.shop import History, Shop

TRENDING = "trending"
POPULAR = "popularity"
"""Source of what fills a list."""
POPULAR_NOW = "popular now"
SHOWN_REASONS = 2
"""History items named in a reason."""


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
    voices   what may bring an item, by name
    voice    intp, parallel: which of them brought it; -1 is popularity
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    voices: tuple[str, ...]
    voice: NDArray[np.intp]

    @classmethod
    def by_one(cls, ranking: Ranking, source: str) -> Ordered:
        """Take the list of one model."""
        return cls(*ranking, (source,), np.zeros(len(ranking.items), dtype=np.intp))

    @property
    def sources(self) -> list[str]:
        """What brought each item."""
        return [POPULAR if at < 0 else self.voices[at] for at in self.voice.tolist()]

    def first(self, n: int) -> Ordered:
        """Return the first `n`."""
        return self.take(slice(n))

    def take(self, kept: NDArray[np.intp] | slice) -> Ordered:
        """Return some of them, in this order."""
        return Ordered(self.items[kept], self.scores[kept], self.voices, self.voice[kept])

    def filled(self, fillers: NDArray[np.int32], n: int) -> Ordered:
        """Add fillers until there are `n`; those that are in it already are passed over."""
        missing = n - len(self.items)
        if missing <= 0:
            return self
        more = fillers[~np.isin(fillers, self.items)][:missing]
        return Ordered(
            np.concatenate([self.items, more]),
            np.concatenate([self.scores, np.full(len(more), np.nan, dtype=np.float32)]),
            self.voices,
            np.concatenate([self.voice, np.full(len(more), -1)]),
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
        segment = segment_of(np.array([len(history.visitor.items)]), self.light)
        ranks = np.arange(1, len(items) + 1, dtype=np.float64)
        segments = np.repeat(segment, len(items))
        found: list[float] = self.confidence.of(segments, self.is_tail[items], ranks).tolist()
        return found


def reasons(
    models: Iterable[Recommender], shop: Shop, history: History, paths: Paths, found: Ordered
) -> list[str]:
    """Say of each item what in the history speaks for it most; "popular now" where nothing does.

    paths  of this history, through those of the models that link items
    """
    had = history.visitor.items
    if not len(had):
        return [POPULAR_NOW] * len(found.items)
    shares = paths.shares(found.items)
    _add_split(shares, models, history.visitor, found)
    best = np.argsort(-shares, axis=0, kind="stable")[:SHOWN_REASONS]
    worth = np.take_along_axis(shares, best, axis=0) > 0
    return [
        _reason(
            [
                f"{did(history.types[k])} {shop.title(int(had[k]))}"
                for k, is_one in zip(column, there, strict=True)
                if is_one
            ]
        )
        for column, there in zip(best.T.tolist(), worth.T.tolist(), strict=True)
    ]


def _add_split(
    shares: NDArray[np.float32], models: Iterable[Recommender], visitor: Visitor, found: Ordered
) -> None:
    """Ask a model that splits its scores about items that no path leads to.

    Not about those that are there for their popularity.
    """
    splitting = next((model for model in members(models) if isinstance(model, IALS)), None)
    if splitting is not None:
        alone = [name in (POPULAR, TRENDING) for name in found.sources]
        unlinked = np.flatnonzero(~shares.any(axis=0) & ~np.array(alone, dtype=bool))
        if len(unlinked):
            shares[:, unlinked] = splitting.split_one(visitor, found.items[unlinked])


def _reason(told: Sequence[str]) -> str:
    return f"because you {' and '.join(told)}" if told else POPULAR_NOW


def as_lines(
    shop: Shop, found: Ordered, why: Sequence[str], sure: Sequence[float] | None, signed: str
) -> list[Recommendation]:
    """Turn items into lines; `sure`: their confidence, if there is any; `signed`: the list's id."""
    scores = [None if score != score else score for score in found.scores.tolist()]  # noqa: PLR0124 - NaN
    sources = found.sources
    lines = []
    for place, item in enumerate(found.items.tolist()):
        item_id, title, category_id, price, available = shop.told(item)
        lines.append(
            Recommendation(
                rank=place + 1,
                item_id=item_id,
                title=title,
                category_id=category_id,
                price=price,
                score=scores[place],
                source=sources[place],
                reason=why[place],
                confidence=None if sure is None else sure[place],
                available=available,
                recommendation_id=signed,
            )
        )
    return lines
