"""Blend: several models vote, and popularity fills what they leave open.

Scores are standardised within a row and added with weights (Fox and Shaw, "Combination of
Multiple Searches", TREC-2 1994: CombSUM); lists of similar items are fused by reciprocal rank
(Cormack, Clarke and Büttcher, SIGIR 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import BaseModel, Field, model_validator
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.base import TopN, check_history
from recomart.models.blending import Filling, Voice, rank_block
from recomart.models.opinion import Folded
from recomart.models.opinions import ManyFolded
from recomart.models.popularity import Popularity, PopularityConfig
from recomart.models.retrievers import RETRIEVERS
from recomart.models.scorer import MANY_ITEMS, Scorer, by_blocks, row_blocks
from recomart.models.selection import best_of, top_n
from recomart.models.visitor import recommend_in_a_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import Recommender
    from recomart.models.interactions import Interactions
    from recomart.models.opinion import Opinion
    from recomart.models.selection import Ranking
    from recomart.models.visitor import Visitor

ROWS_AT_ONCE = 512
"""Rows that are ranked together, where few items of each are looked at."""
RANK_OFFSET = 60
"""The constant of reciprocal rank fusion, as published."""


class Member(BaseModel, frozen=True, extra="forbid"):
    """One voice of a blend."""

    model: str = Field(description="its name among the models that stand alone")
    weight: float = Field(1.0, ge=0, description="how much it counts; 0 is silent")
    options: dict[str, Any] = Field(default_factory=dict, description="its hyper-parameters")

    @model_validator(mode="after")
    def _is_a_model(self) -> Self:
        """Refuse a name that is not a model's, and options that are not the model's."""
        if self.model not in RETRIEVERS:
            known = ", ".join(RETRIEVERS)
            raise ValueError(f"no model {self.model!r} stands alone; known: {known}")
        RETRIEVERS[self.model].config.model_validate(self.options)
        return self


class BlendConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `Blend`."""

    members: tuple[Member, ...] = Field(
        (Member(model="ials"), Member(model="rp3beta")), min_length=1, description="who votes"
    )
    fallback: PopularityConfig = Field(
        PopularityConfig(), description="the popularity that fills what the members leave open"
    )


@dataclass(frozen=True, slots=True)
class Tastes:
    """What each member keeps of the same histories; sliced together."""

    n_rows: int
    parts: tuple[Any, ...]

    def __getitem__(self, rows: slice) -> Tastes:
        n_rows = len(range(self.n_rows)[rows])
        return Tastes(n_rows, tuple(part[rows] for part in self.parts))


class Blend(Scorer[Tastes]):
    """``s[i] = sum_m weight_m * (s_m[i] - mean_m) / deviation_m`` over the members with an opinion.

    Mean and deviation are those of the row; an item on which a member has no opinion counts as
    that member's lowest. Items on which no member has an opinion come after all others, most
    popular first, so that every row, an empty one too, gets n items if the catalogue has them.
    Such a score is below that of every other item of the row.

    Learned: `models_`, one a member, and `popularity_`, the fallback.
    """

    models_: Sequence[Recommender]
    popularity_: Popularity
    _filled: Filling | None = None

    def __init__(self, config: BlendConfig | None = None) -> None:
        self.config = config or BlendConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return self._popularity().n_items

    def fit(self, interactions: Interactions) -> Self:
        """Fit every member and the fallback; see `Recommender.fit`."""
        models = [
            RETRIEVERS[member.model].make(member.options).fit(interactions)
            for member in self.config.members
        ]
        self.models_ = models
        self.popularity_ = Popularity(self.config.fallback).fit(interactions)
        return self

    def taste(self, history: csr_array) -> Tastes:
        """Return what each member keeps of the histories."""
        check_history(history, self.n_items)
        return Tastes(history.shape[0], tuple(m.taste(history) for _, m in self._voices()))

    def scores_of(self, taste: Tastes) -> NDArray[np.float32]:
        """Add the standardised scores, then fill."""
        fill = self._filling().scores
        total = np.zeros((taste.n_rows, len(fill)), dtype=np.float32)
        is_open = np.ones(total.shape, dtype=bool)
        for (member, model), part in zip(self._voices(), taste.parts, strict=True):
            scores = model.scores_of(part)
            is_open &= np.isneginf(scores)
            total += np.float32(member.weight) * standardised(scores)[0]
        lowest = total.min(axis=1, keepdims=True)
        return np.where(is_open, lowest + fill, total)

    def rank(
        self,
        taste: Any,  # noqa: ANN401 -- see `Scorer.rank`
        seen: csr_array,
        n: int,
        *,
        exclude_seen: bool,
    ) -> TopN:
        """Rank by score; of many items by the few that may be among the best. See `Scorer.rank`."""
        if seen.shape[1] < MANY_ITEMS or not self.looks_at_few:
            return super().rank(taste, seen, n, exclude_seen=exclude_seen)
        filling, n_rows = self._filling(), seen.shape[0]
        starts = range(0, n_rows, ROWS_AT_ONCE)

        def best(rows: slice) -> TopN:
            """Rank a block of rows."""
            voices = self._opinions_of(taste[rows]) or []
            return rank_block(voices, filling, seen[rows], n, exclude_seen=exclude_seen)

        return by_blocks(best, [(at, min(at + ROWS_AT_ONCE, n_rows)) for at in starts], n)

    def recommend_one(self, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
        """Rank for a visitor by the few items that may be among the best; see `recommend_to`.

        Where every member but one scores few items (their union U), an item outside U stands where
        that one puts it: its n best outside U and all of U hold the n best of the blend.
        """
        opinions = [_opinion(model, visitor) for _, model in self._voices()]
        known = [one for one in opinions if one is not None]
        if len(known) < len(opinions) or sum(isinstance(one, Folded) for one in known) > 1:
            return recommend_in_a_batch(
                cast("Recommender", self), visitor, n, exclude_seen=exclude_seen
            )
        is_out = np.zeros(self.n_items, dtype=bool)
        if exclude_seen:
            is_out[visitor.items] = True
        found = []
        for one in sorted(known, key=lambda one: isinstance(one, Folded)):
            found.append(one.best(n, is_out))
            is_out[found[-1]] = True
        items = np.concatenate([*found, self._popular_first(n, is_out)])
        return best_of(items, self._scores_at(known, items), n)

    def _scores_at(
        self, opinions: Sequence[Opinion], items: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Return the scores of some items, as `scores_of` would of all."""
        total = np.zeros(len(items), dtype=np.float32)
        is_open = np.ones(len(items), dtype=bool)
        lowest = np.float32(0)  # of all items: what an item has of which nobody has an opinion
        for (member, _), opinion in zip(self._voices(), opinions, strict=True):
            moments = opinion.moments()
            if moments is None:
                continue
            scores, weight = opinion.at(items), np.float32(member.weight)
            is_open &= np.isneginf(scores)
            floor = np.maximum(scores, np.float32(moments.lowest))
            total += weight * moments.standardised(floor)
            lowest += weight * moments.standardised(np.array([moments.lowest], np.float32))[0]
        return np.where(is_open, lowest + self._filling().scores[items], total)

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Fuse the members' lists by rank, then fill; see `Recommender.similar_items`."""
        fill = self._filling().scores
        top = TopN.empty(len(items), n)
        for start, stop in row_blocks(len(items), len(fill)):
            asked = items[start:stop]
            scores = np.tile(fill, (len(asked), 1))
            for member, model in self._voices():
                _add_ranks(scores, model.similar_items(asked, n), member.weight)
            known = np.flatnonzero(asked >= 0)
            scores[known, asked[known]] = -np.inf
            best = top_n(scores, n)
            top.items[start:stop], top.scores[start:stop] = best.items, best.scores
        return top

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Add what each member's score owes to the history, in the units of the blend's score."""
        parts = np.zeros(history.nnz, dtype=np.float32)
        for member, model in self._voices():
            _, deviation = standardised(model.scores(history))
            if deviation[0, 0] > 0:
                share = np.float32(member.weight) / deviation[0, 0]
                parts += share * model.contributions(history, item)
        return parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays of all members; see `Recommender.arrays`."""
        named = [("fallback", self._popularity().arrays())]
        named += [(str(place), model.arrays()) for place, model in enumerate(self.models_)]
        return {f"{at}.{name}": array for at, part in named for name, array in part.items()}

    @classmethod
    def from_arrays(cls, config: BlendConfig, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        models: list[Recommender] = []
        for place, member in enumerate(config.members):
            kind = RETRIEVERS[member.model]
            options = kind.configure(member.options)
            models.append(kind.model.from_arrays(options, _part(arrays, str(place))))
        popularity = Popularity.from_arrays(config.fallback, _part(arrays, "fallback"))
        if any(model.n_items != popularity.n_items for model in models):
            raise ArtefactError(
                "The members of the blend do not know the same number of items.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        blend = cls(config)
        blend.models_, blend.popularity_ = models, popularity
        return blend

    def with_weights(self, weights: Sequence[float]) -> Blend:
        """Return a blend of the same fitted members with other weights."""
        members = tuple(
            member.model_copy(update={"weight": float(weight)})
            for member, weight in zip(self.config.members, weights, strict=True)
        )
        blend = Blend(self.config.model_copy(update={"members": members}))
        blend.popularity_ = self._popularity()
        blend.models_ = self.models_
        return blend

    def _voices(self) -> list[tuple[Member, Recommender]]:
        """Return the members that count, each with its fitted model."""
        self._popularity()
        pairs = zip(self.config.members, self.models_, strict=True)
        return [(member, model) for member, model in pairs if member.weight > 0]

    @property
    def looks_at_few(self) -> bool:
        """Whether lists for many are made without a score for every item."""
        nobody = np.empty((0, self.n_items), dtype=np.float32)
        return self._opinions_of(self.taste(csr_array(nobody))) is not None

    def _opinions_of(self, taste: Tastes) -> list[Voice] | None:
        """Ask the members what they think, if they can tell without scoring every item."""
        found = []
        for (member, model), part in zip(self._voices(), taste.parts, strict=True):
            opinions_of = getattr(model, "opinions_of", None)
            if opinions_of is None:
                return None
            found.append(Voice(np.float32(member.weight), opinions_of(part)))
        n_folded = sum(isinstance(voice.opinions, ManyFolded) for voice in found)
        return found if n_folded <= 1 else None

    def _popularity(self) -> Popularity:
        """Return the fallback, or say that nothing was learned yet."""
        if not hasattr(self, "popularity_"):
            raise NotFittedError(type(self).__name__)
        return self.popularity_

    def _popular_first(self, n: int, is_out: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the `n` most popular items that are not out."""
        order, start, stop = self._filling().order, 0, 2 * n
        found = np.empty(0, dtype=np.int32)
        while len(found) < n and start < len(order):
            some = order[start:stop]
            found = np.concatenate([found, some[~is_out[some]]])
            start, stop = stop, 2 * stop
        return found[:n]

    def _filling(self) -> Filling:
        """Return in which order popularity fills."""
        scores = self._popularity().item_scores_
        if self._filled is None or self._filled.by is not scores:
            order = np.argsort(-scores, kind="stable").astype(np.int32)
            fill = np.empty(len(order), dtype=np.float32)
            fill[order] = -1 - np.arange(len(order), dtype=np.float32)
            self._filled = Filling(scores, order, fill)
        return self._filled


def _opinion(model: Recommender, visitor: Visitor) -> Opinion | None:
    """Ask a model what it thinks for a visitor, if it can tell without scoring every item."""
    opinion_of = getattr(model, "opinion_of", None)
    found: Opinion | None = opinion_of(visitor) if opinion_of else None
    return found


def standardised(
    scores: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scores with mean 0 and deviation 1 in each row, and the deviations as a column.

    No opinion (-inf) counts as the lowest score of the row. A row without any difference, or
    without any opinion, is all 0.
    """
    lowest = np.where(np.isneginf(scores), np.inf, scores).min(
        axis=1, keepdims=True, initial=np.inf
    )
    floor = np.where(np.isfinite(lowest), lowest, np.float32(0))
    filled = np.maximum(scores, floor)
    filled -= filled.mean(axis=1, keepdims=True)
    deviation = filled.std(axis=1, keepdims=True)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return filled * scale, deviation


def _add_ranks(scores: NDArray[np.float32], top: TopN, weight: float) -> None:
    """Add ``weight / (RANK_OFFSET + rank)`` to what a list holds; lifts it above the fill."""
    rows, ranks = np.nonzero(top.items >= 0)
    columns = top.items[rows, ranks]
    is_new = scores[rows, columns] < 0
    scores[rows[is_new], columns[is_new]] = 0
    scores[rows, columns] += (weight / (RANK_OFFSET + 1 + ranks)).astype(np.float32)


def _part(arrays: Mapping[str, NDArray[np.generic]], at: str) -> dict[str, NDArray[np.generic]]:
    """Return one member's arrays under their own names."""
    start = f"{at}."
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }
