"""The champion: answers with lists that a person can read, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import open_lake
from recomart.models.artefact import ARRAYS, DESCRIPTION, load
from recomart.models.selection import Ranking
from recomart.models.visitor import recommend_to
from recomart.ranking.aliases import champion_of
from recomart.ranking.answers import new_recommendation_id
from recomart.ranking.candidates import lists_for, union
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.cascade import Cascade
from recomart.ranking.confidence import Confidence
from recomart.ranking.lines import (
    POPULAR,
    POPULAR_NOW,
    SHOWN_REASONS,
    TRENDING,
    Judge,
    Ordered,
    Recommendation,
    as_lines,
    reasons,
)
from recomart.ranking.online import OnlineKnowing
from recomart.ranking.paths import Paths, linked
from recomart.ranking.ranker import Ranker
from recomart.ranking.rules import ANYTHING
from recomart.ranking.shop import Shop, did
from recomart.settings import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from recomart.lake import Lake, Manifest
    from recomart.models.base import Recommender
    from recomart.models.item_to_item import ItemToItem
    from recomart.ranking.candidates import Candidates
    from recomart.ranking.cascade import Ranked
    from recomart.ranking.online import ByKey
    from recomart.ranking.rules import Rules
    from recomart.ranking.shop import History
    from recomart.settings import Loaded

CONFIDENCE, BUNDLE = "confidence.json", "bundle"
READERS = 4
"""Files of a champion that are read at a time."""
NOTHING = np.empty(0, dtype=np.int64)
NO_ITEMS = Ordered.by_one(
    Ranking(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)), POPULAR
)


class Champion:
    """Fitted models with the id maps, histories and titles they need to answer.

    Every question gets an answer: a user or an item that is not known is given what is popular
    now, and a list that the models cannot fill is filled with it.

    models   those that answer, by name: one, or the retrievers of the cascade
    cascade  what orders their candidates, and where it finds features; none: the one model does
    judge    what gives confidence, none where it was not calibrated

    Whoever wants to know how long its stages take sets `stage`: what gives, by the name of a stage,
    a context in which that is done.
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
        self.stage: Callable[[str], AbstractContextManager[object]] = _unwatched

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
    def load(cls, lake: Lake, online: ByKey, published: Manifest | None = None) -> Champion:
        """Load the champion, or another published model; every byte is checked.

        Raises DataSetNotFoundError.
        """
        manifest = published or champion_of(lake)
        details = cast("dict[str, Any]", manifest.details)
        names = _names(manifest)
        with ThreadPoolExecutor(READERS) as pool:  # hashes of hundreds of megabytes
            bodies = pool.map(partial(lake.read_file, manifest), names)
            files = dict(zip(names, bodies, strict=True))
            loaded = pool.map(partial(_model, files), details["models"])
            shop = Shop.read(lake, manifest)
            models = dict(zip(details["models"], loaded, strict=True))
        cascade = None
        if Ranker.FILES[0] in files:
            ranker = Ranker.from_files(files)
            told = RankingSettings.model_validate(details["ranking"])
            by = {view: tuple(keys) for view, keys in details["views"].items()}
            knowing = OnlineKnowing(lake, online, shop, ranker.columns, by)
            cascade = Cascade(models, ranker, told), knowing
        judge = None
        if CONFIDENCE in files:
            confidence = Confidence.from_bytes(files[CONFIDENCE])
            judge = Judge(confidence, shop.is_tail, details["light_history"])
        return cls(
            models,
            shop,
            manifest.version,
            cascade=cascade,
            judge=judge,
            bundle=_model(files, BUNDLE),
        )

    def look_up_in(self, online: ByKey) -> None:
        """Look features up there from now on."""
        if self.cascade:
            self.cascade[1].online = online

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
        lines = self.answer(user_id, history, n, exclude_seen=exclude_seen)
        return [line for line in lines if (line.confidence or 0.0) >= min_confidence]

    def recommend_after(self, item_ids: Sequence[str], n: int) -> list[Recommendation]:
        """Rank `n` items for an anonymous session that viewed these, the latest last.

        Items that are not known are passed over; a session of none gets what is popular now.
        """
        return self.answer("", self.shop.of_items(self._known(item_ids)), n)

    def answer(
        self,
        user_id: str,
        history: History,
        n: int,
        *,
        exclude_seen: bool = True,
        rules: Rules = ANYTHING,
        with_features: bool = True,
    ) -> list[Recommendation]:
        """Rank `n` items for a history; fewer only if the catalogue has fewer that are allowed.

        rules          of this list
        with_features  let the ranker order what the retrievers found; else they do, by agreement

        Raises StoreUnavailableError where features are asked for and cannot be had.
        """
        paths = self.paths(history)
        found = self._first_of(
            user_id,
            history,
            paths,
            n,
            rules,
            exclude_seen=exclude_seen,
            with_features=with_features,
        )
        with self.stage("reasons"):
            why = reasons(self.models.values(), self.shop, history, paths, found)
        return self._lines(found, why, self._sure(history, found))

    def ranked(self, users: range, *, exclude_seen: bool) -> Ranked:
        """Order candidates for many users, by their places in the id map, as `answer` does.

        Only where the cascade answers.
        """
        assert self.cascade is not None  # noqa: S101 -- asked by the caller
        cascade, knowing = self.cascade
        rows = slice(users.start, users.stop)
        return cascade.rank(
            np.array(users, dtype=np.int32),
            self.shop.history[rows],
            self.shop.sequences(rows),
            knowing.of_rows(users, with_seen=not exclude_seen),
            exclude_seen=exclude_seen,
        )

    def bundle(
        self, item_ids: Sequence[str], n: int, rules: Rules = ANYTHING
    ) -> list[Recommendation]:
        """Rank `n` items that go with this cart: taken on one day with what is in it."""
        cart = self._known(item_ids)
        history = self.shop.of_items(cart)
        model = self.bundle_model or self._first
        ranking = recommend_to(model, history.visitor, rules.wanted(n), exclude_seen=True)
        found = Ordered.by_one(ranking, BUNDLE)
        titles = " and ".join(self.shop.title(item) for item in cart[-SHOWN_REASONS:])
        filled = self._filled(found, n, cart, rules)
        why = [POPULAR_NOW if s == POPULAR else f"goes with {titles}" for s in filled.sources]
        return self._lines(filled, why, self._sure(history, filled))

    def similar(self, item_id: str, n: int, rules: Rules = ANYTHING) -> list[Recommendation]:
        """Rank `n` items by their likeness to one; for an item not known: what is popular now."""
        index = self.shop.index_of(item_id)
        found, why = NO_ITEMS, f"popular now; the item {item_id!r} is not known"
        if index >= 0:
            asked = np.array([index], dtype=np.int32)
            most = rules.wanted(n)
            lists = [model.similar_items(asked, most) for model in self.models.values()]
            likened = union(tuple(self.models), lists, len(self.shop.items), most)
            found = _of_candidates(likened, likened.fused)
            why = POPULAR_NOW
        filled = self._filled(found, n, [index] if index >= 0 else [], rules)
        goes = f"goes with {self.shop.title(index)}" if index >= 0 else why
        return self._lines(filled, [why if s == POPULAR else goes for s in filled.sources], None)

    def popular(self, n: int, rules: Rules = ANYTHING) -> list[Recommendation]:
        """Return what is popular now."""
        found = self._filled(NO_ITEMS, n, [], rules)
        return self._lines(found, [POPULAR_NOW] * len(found.items), None)

    def trending(self, n: int, rules: Rules = ANYTHING) -> list[Recommendation]:
        """Return what is more popular than it was; what is popular now, where no model tells."""
        found, nobody = NO_ITEMS, self.shop.of_items([]).visitor
        if TRENDING in self.models:
            ranking = recommend_to(
                self.models[TRENDING], nobody, rules.wanted(n), exclude_seen=False
            )
            found = Ordered.by_one(ranking, TRENDING)
        filled = self._filled(found, n, [], rules)
        why = [POPULAR_NOW if s == POPULAR else "trending now" for s in filled.sources]
        return self._lines(filled, why, None)

    def history_of(self, user_id: str, n: int) -> list[tuple[str, str]]:
        """Return what a user did, strongest first: (what, title)."""
        history = self.shop.of_user(user_id)
        order = np.argsort(-history.visitor.weights, kind="stable")[:n]
        return [
            (did(history.types[place]), self.shop.title(int(history.visitor.items[place])))
            for place in order
        ]

    def paths(self, history: History) -> Paths:
        """Look up the paths of a history, through the models that link items."""
        return Paths.through(self._linked, history.visitor)

    @cached_property
    def _linked(self) -> list[ItemToItem[Any]]:
        return linked(self.models.values())

    @property
    def _first(self) -> Recommender:
        return next(iter(self.models.values()))

    def _known(self, item_ids: Iterable[str]) -> list[int]:
        found = (self.shop.index_of(item_id) for item_id in item_ids)
        return [index for index in found if index >= 0]

    def _first_of(
        self,
        user_id: str,
        history: History,
        paths: Paths,
        n: int,
        rules: Rules,
        *,
        exclude_seen: bool,
        with_features: bool,
    ) -> Ordered:
        """Return the first `n` items by the rules, filled with what is popular."""
        seen = history.visitor.items if exclude_seen else NOTHING
        most = rules.wanted(n)
        found = self._ordered(
            user_id, history, paths, most, exclude_seen=exclude_seen, with_features=with_features
        )
        with self.stage("rules"):
            return rules.first(found, lambda: self._fillers(seen, rules.allowed), n)

    def _ordered(
        self,
        user_id: str,
        history: History,
        paths: Paths,
        n: int,
        *,
        exclude_seen: bool,
        with_features: bool,
    ) -> Ordered:
        """Order at least `n` items by what the models think, where they think of so many."""
        visitor = history.visitor
        if self.cascade is None:
            with self.stage("retrieve"):
                [ranking] = lists_for(self.models, paths, n, exclude_seen=exclude_seen)
            return Ordered.by_one(ranking, self.name)
        cascade, knowing = self.cascade
        with self.stage("retrieve"):
            candidates = cascade.candidates(paths, exclude_seen=exclude_seen)
        if not with_features:
            return _of_candidates(candidates, candidates.fused)
        with self.stage("features"):
            knowledge = knowing.at(user_id, history, with_seen=not exclude_seen)
        with self.stage("rank"):
            row = np.array([history.row], dtype=np.int32)
            is_cold = np.array([not len(visitor.items)])
            ranked = cascade.ordered(candidates, row, is_cold, knowledge)
        return _of_candidates(ranked.candidates, ranked.scores)

    def _fillers(
        self, without: NDArray[np.integer], allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int32]:
        """Return what may fill a list: what is popular now, then the rest of the catalogue."""
        order = self.shop.popular_first
        may = np.ones(len(order), dtype=bool) if allowed is None else allowed.copy()
        may[without] = False
        kept: NDArray[np.int32] = order[may[order]]
        return kept

    def _filled(self, found: Ordered, n: int, without: list[int], rules: Rules) -> Ordered:
        """Take the first `n`, filled up with what is popular, but not these."""
        out = np.array(without, dtype=np.int64)
        return rules.first(found, lambda: self._fillers(out, rules.allowed), n)

    def _sure(self, history: History, found: Ordered) -> list[float] | None:
        return self.judge.of(history, found.items) if self.judge else None

    def _lines(
        self, found: Ordered, why: Sequence[str], sure: Sequence[float] | None
    ) -> list[Recommendation]:
        return as_lines(self.shop, found, why, sure, new_recommendation_id(self.version))


_NOTHING = nullcontext()


def _unwatched(_: str) -> AbstractContextManager[object]:
    return _NOTHING


def _of_candidates(candidates: Candidates, scores: NDArray[np.float32]) -> Ordered:
    """Take candidates in their order; each comes from the retriever that ranked it highest."""
    return Ordered(candidates.items, scores, candidates.retrievers, candidates.origins)


def typical_users(champion: Champion, n: int) -> Sequence[str]:
    """Return users with middling histories, spread evenly: whom a demonstration should show."""
    lengths = np.diff(champion.shop.history.indptr)
    rows = np.argsort(-lengths, kind="stable")
    rows = rows[lengths[rows] > 0]
    places = np.linspace(0, len(rows) - 1, num=min(n, len(rows)) + 2, dtype=int)[1:-1]
    return [champion.shop.users[int(rows[place])].as_py() for place in places]


def read_published(lake: Lake, manifest: Manifest, name: str) -> Recommender:
    """Load one model of a published one, every byte checked, and nothing else."""
    files = (f"{name}.{file}" for file in (DESCRIPTION, ARRAYS))
    return _model({file: lake.read_file(manifest, file) for file in files}, name)


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
