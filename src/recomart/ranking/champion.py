"""The champion: answers with lists that a person can read, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import open_lake
from recomart.models.artefact import load
from recomart.models.sequences import recommend_for
from recomart.ranking.aliases import champion_of
from recomart.ranking.answers import new_recommendation_id
from recomart.ranking.candidates import union
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.cascade import Cascade
from recomart.ranking.confidence import Confidence
from recomart.ranking.online import OnlineKnowing
from recomart.ranking.ranker import Ranker
from recomart.ranking.segments import is_tail, segment_of
from recomart.ranking.shop import Shop, did
from recomart.settings import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from recomart.lake import Lake, Manifest
    from recomart.models.base import Recommender, TopN
    from recomart.ranking.shop import History
    from recomart.settings import Loaded

CONFIDENCE, BUNDLE = "confidence.json", "bundle"
SHOWN_REASONS = 2
"""History items named in a reason."""


@dataclass(frozen=True)
class Recommendation:
    """One line of a list.

    score       compares within the list only; it has no unit
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
    recommendation_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Judge:
    """Gives lines their confidence."""

    confidence: Confidence
    light: int

    def of(self, history: History, tail: bool, rank: int) -> float:  # noqa: FBT001 -- a kind
        """Return the confidence of an item at a rank."""
        segment = segment_of(np.diff(history.weights.indptr), self.light)
        return float(self.confidence.of(segment, np.array([tail]), np.array([rank]))[0])


class Champion:
    """Fitted models with the id maps, histories and titles they need to answer.

    Every question gets an answer: a user or an item that is not known is given what is popular
    now, and a list that the models cannot fill is filled with it.

    models   those that answer, by name: one, or the retrievers of the cascade
    cascade  what orders their candidates, and where it finds features; none: the one model does
    judge    what gives confidence, none where it was not calibrated
    """

    def __init__(
        self,
        models: Mapping[str, Recommender],
        shop: Shop,
        version: str = "",
        *,
        cascade: tuple[Cascade, OnlineKnowing] | None = None,
        judge: Judge | None = None,
        bundle: Recommender | None = None,
    ) -> None:
        self.models = models
        self.shop = shop
        self.version = version
        self.cascade = cascade
        self.judge = judge
        self.bundle_model = bundle
        self._tail = is_tail(np.bincount(shop.history.indices, minlength=len(shop.items)))

    @property
    def name(self) -> str:
        """The name of what answers."""
        return CASCADE if self.cascade else next(iter(self.models))

    @classmethod
    def open(cls, loaded: Loaded) -> Champion:
        """Load the champion of a shop, with its online store."""
        online = open_online(loaded.settings.paths.online, loaded.folder)
        return cls.load(open_lake(loaded), OnlineFeatures(online))

    @classmethod
    def load(
        cls, lake: Lake, online: OnlineFeatures, published: Manifest | None = None
    ) -> Champion:
        """Load the champion, or another published model; every byte is checked.

        Raises DataSetNotFoundError.
        """
        manifest = published or champion_of(lake)
        files = {name: lake.read_file(manifest, name) for name in _names(manifest)}
        shop = Shop.read(lake, manifest)
        details = cast("dict[str, Any]", manifest.details)
        models = {name: _model(files, name) for name in details["models"]}
        cascade = None
        if Ranker.FILES[0] in files:
            ranker = Ranker.from_files(files)
            told = RankingSettings.model_validate(details["ranking"])
            by = {view: tuple(keys) for view, keys in details["views"].items()}
            knowing = OnlineKnowing(lake, online, shop, ranker.columns, by)
            cascade = Cascade(models, ranker, told), knowing
        judge = None
        if CONFIDENCE in files:
            judge = Judge(Confidence.from_bytes(files[CONFIDENCE]), details["light_history"])
        return cls(
            models,
            shop,
            manifest.version,
            cascade=cascade,
            judge=judge,
            bundle=_model(files, BUNDLE),
        )

    def recommend(
        self,
        user_id: str,
        n: int,
        *,
        exclude_seen: bool = True,
        min_confidence: float = 0.0,
    ) -> list[Recommendation]:
        """Rank `n` items for a user, best first; fewer only if the catalogue has fewer.

        With `min_confidence`, those of the `n` that are less sure are left out; raising it never
        brings an item in.
        """
        history = self.shop.of_user(user_id)
        lines = self._answer(user_id, history, n, exclude_seen=exclude_seen)
        return [line for line in lines if (line.confidence or 0.0) >= min_confidence]

    def recommend_after(self, item_ids: Sequence[str], n: int) -> list[Recommendation]:
        """Rank `n` items for an anonymous session that viewed these, the latest last.

        Items that are not known are passed over; a session of none gets what is popular now.
        """
        history = self.shop.of_items(self._known(item_ids))
        return self._answer("", history, n, exclude_seen=True)

    def bundle(self, item_ids: Sequence[str], n: int) -> list[Recommendation]:
        """Rank `n` items that go with this cart: taken on one day with what is in it."""
        cart = self._known(item_ids)
        history = self.shop.of_items(cart)
        top = (self.bundle_model or self._first).recommend(history.weights, n)
        titles = " and ".join(self.shop.title(item) for item in cart[-SHOWN_REASONS:])
        lines = self._lines(top, history, BUNDLE, lambda _: f"goes with {titles}")
        return self._signed(self._fill(lines, n, set(cart), history))

    def similar(self, item_id: str, n: int) -> list[Recommendation]:
        """Rank `n` items by their likeness to one; for an item not known: what is popular now."""
        index = self.shop.index_of(item_id)
        nobody = self.shop.of_items([])
        if index < 0:
            reason = f"popular now; the item {item_id!r} is not known"
            return self._signed(self._popular(n, reason, nobody))
        asked = np.array([index], dtype=np.int32)
        lists = [model.similar_items(asked, n) for model in self.models.values()]
        found = union(tuple(self.models), lists, len(self.shop.items), n)
        reason = f"goes with {self.shop.title(index)}"
        lines = [
            self._line(rank, int(item), float(score), self.name, reason)
            for rank, (item, score) in enumerate(zip(found.items, found.fused, strict=True), 1)
        ]
        return self._signed(self._fill(lines, n, {index}, nobody))

    def history_of(self, user_id: str, n: int) -> list[tuple[str, str]]:
        """Return what a user did, strongest first: (what, title)."""
        history = self.shop.of_user(user_id)
        order = np.argsort(-history.weights.data, kind="stable")[:n]
        return [
            (did(history.types[place]), self.shop.title(int(history.weights.indices[place])))
            for place in order
        ]

    def _signed(self, lines: list[Recommendation]) -> list[Recommendation]:
        """Give a list the id by which it can be asked about."""
        signed = new_recommendation_id(self.version)
        return [replace(line, recommendation_id=signed) for line in lines]

    @property
    def _first(self) -> Recommender:
        return next(iter(self.models.values()))

    def _known(self, item_ids: Iterable[str]) -> list[int]:
        found = (self.shop.index_of(item_id) for item_id in item_ids)
        return [index for index in found if index >= 0]

    def _answer(
        self, user_id: str, history: History, n: int, *, exclude_seen: bool
    ) -> list[Recommendation]:
        """Rank for a history, and fill."""
        if history.weights.nnz == 0 and self.cascade is None:
            reason = "popular now; nothing is known of this user yet"
            return self._signed(self._popular(n, reason, history))
        top = self._ranked(user_id, history, n, exclude_seen=exclude_seen)
        lines = self._lines(top, history, self.name, lambda item: self._reason(history, item))
        seen = set(history.weights.indices.tolist()) if exclude_seen else set()
        return self._signed(self._fill(lines, n, seen, history))

    def _ranked(self, user_id: str, history: History, n: int, *, exclude_seen: bool) -> TopN:
        if self.cascade is None:
            return recommend_for(
                self._first, history.weights, history.sequence, n, exclude_seen=exclude_seen
            )
        cascade, knowing = self.cascade
        ranked = cascade.rank(
            np.array([history.row], dtype=np.int32),
            history.weights,
            history.sequence,
            knowing.at(user_id, history, with_seen=not exclude_seen),
            exclude_seen=exclude_seen,
        )
        return ranked.top(n)

    def _lines(
        self, top: TopN, history: History, source: str, reason: Callable[[int], str]
    ) -> list[Recommendation]:
        """Turn one row of a list into lines."""
        return [
            self._line(rank, int(item), float(score), source, reason(int(item)), history)
            for rank, (item, score) in enumerate(zip(top.items[0], top.scores[0], strict=True), 1)
            if item >= 0
        ]

    def _reason(self, history: History, item: int) -> str:
        """Name the history items that speak most for an item."""
        shares = np.zeros(history.weights.nnz, dtype=np.float64)
        for model in self.models.values():
            found = np.maximum(model.contributions(history.weights, item), 0)
            shares += found / found.sum() if found.sum() > 0 else 0
        if not shares.any():
            return "popular now"
        best = [k for k in np.argsort(-shares, kind="stable")[:SHOWN_REASONS] if shares[k] > 0]
        told = [
            f"{did(history.types[k])} {self.shop.title(int(history.weights.indices[k]))}"
            for k in best
        ]
        return "because you " + " and ".join(told)

    def _popular(
        self, n: int, reason: str, history: History, without: Iterable[int] = ()
    ) -> list[Recommendation]:
        """Rank what is popular now; after it, the rest of the catalogue in its order."""
        left_out = set(without)
        order = [i for i in self.shop.popular.tolist() if i not in left_out]
        if len(order) < n:
            known = {*order, *left_out}
            order += [i for i in range(len(self.shop.items)) if i not in known][: n - len(order)]
        return [
            self._line(rank, item, None, "popularity", reason, history)
            for rank, item in enumerate(order[:n], start=1)
        ]

    def _fill(
        self, lines: list[Recommendation], n: int, used: set[int], history: History
    ) -> list[Recommendation]:
        shown = {self.shop.index_of(line.item_id) for line in lines}
        missing = n - len(lines)
        more = self._popular(missing, "popular now", history, used | shown) if missing > 0 else []
        shift = len(lines)
        return lines + [replace(line, rank=shift + line.rank) for line in more]

    def _line(
        self,
        rank: int,
        item: int,
        score: float | None,
        source: str,
        reason: str,
        history: History | None = None,
    ) -> Recommendation:
        row = {
            name: self.shop.items[name][item].as_py()
            for name in ("item_id", "category_id", "price")
        }
        sure = None
        if self.judge is not None and history is not None:
            sure = self.judge.of(history, bool(self._tail[item]), rank)
        return Recommendation(
            rank=rank,
            title=self.shop.title(item),
            score=score,
            source=source,
            reason=reason,
            confidence=sure,
            **row,
        )


def typical_users(champion: Champion, n: int) -> Sequence[str]:
    """Return users with middling histories, spread evenly: whom a demonstration should show."""
    lengths = np.diff(champion.shop.history.indptr)
    rows = np.argsort(-lengths, kind="stable")
    rows = rows[lengths[rows] > 0]
    places = np.linspace(0, len(rows) - 1, num=min(n, len(rows)) + 2, dtype=int)[1:-1]
    return [champion.shop.users[int(rows[place])].as_py() for place in places]


def _names(manifest: Manifest) -> list[str]:
    """Return the files of a champion that are no tables."""
    suffixes = (".json", ".npz", ".cbm")
    return [name for name in manifest.by_partition() if name.endswith(suffixes)]


def _model(files: Mapping[str, bytes], name: str) -> Recommender:
    """Load one of a champion's models."""
    start = f"{name}."
    return load(
        {at.removeprefix(start): body for at, body in files.items() if at.startswith(start)}
    )
