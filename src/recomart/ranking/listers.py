"""What makes lists for many users: one model, or the cascade; here, or in a process a core."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context, parent_process
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from recomart.errors import UnavailableError
from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import open_lake
from recomart.models.base import TopN
from recomart.models.blend import Blend
from recomart.models.parallel import hold_to_one_thread, spread, threads
from recomart.models.sequences import recommend_for
from recomart.models.visitor import recommend_to
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.champion import Champion, read_published
from recomart.ranking.lines import POPULAR
from recomart.ranking.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from recomart.lake import Manifest
    from recomart.models.base import Recommender
    from recomart.settings import Loaded

CASCADE_ROWS = 256
"""Users whose candidates are ordered together: some 75,000 rows of the ranker."""
FEW = 20_000
"""Up to so many users, processes would take longer to load the models than they save."""


class Lists(NamedTuple):
    """The lists of a block of users, a row each.

    top      items and scores; NaN where popularity filled
    sources  who brought an item; as many as the items, or one for all that are not filled
    """

    top: TopN
    sources: NDArray[np.object_] | str


@dataclass(frozen=True)
class Task:
    """Which lists are made.

    model  the name of a published model
    n      items of a list
    """

    loaded: Loaded
    published: Manifest
    model: str
    n: int
    exclude_seen: bool

    def lister(self) -> Callable[[range], Lists]:
        """Load what makes the lists: one model, or all of the cascade."""
        lake, n, exclude_seen = open_lake(self.loaded), self.n, self.exclude_seen
        if self.model == CASCADE:
            online = open_online(self.loaded.settings.paths.online, self.loaded.folder)
            champion = Champion.load(lake, OnlineFeatures(online), self.published)
            return lambda users: lists_of_cascade(champion, users, n, exclude_seen=exclude_seen)
        model = read_published(lake, self.published, self.model)
        shop = Shop.read(lake, self.published)

        def of_one(users: range) -> Lists:
            top = lists_of(model, shop, users, n, exclude_seen=exclude_seen)
            return Lists(filled(top, shop, users, exclude_seen=exclude_seen), self.model)

        return of_one


@contextmanager
def listers(task: Task, n_users: int) -> Iterator[Callable[[Iterable[range]], Iterator[Lists]]]:
    """Give what makes the lists of blocks of users, in their order; for many, a process a core.

    Models are loaded when first asked. What is given raises what loading them does, and
    UnavailableError where a process is killed.
    """
    if n_users <= FEW or threads() < 2:
        lister = cache(task.lister)
        yield lambda blocks: (lister()(users) for users in blocks)
        return
    spawn = get_context("spawn")  # a fork would have the locks of threads that it has not
    with ProcessPoolExecutor(threads(), spawn, _begin, (task,)) as pool:

        def made(blocks: Iterable[range]) -> Iterator[Lists]:
            """Let the processes make them."""
            try:
                with _without_main():
                    found = pool.map(_made, blocks)
                yield from found
            except BrokenProcessPool:
                raise UnavailableError(
                    "A process that makes lists was killed.",
                    remedy="Look whether memory ran out. Run it again: what is finished is kept.",
                ) from None

        yield made


@contextmanager
def _without_main() -> Iterator[None]:
    """Let processes begin without the script that this one runs, which they would run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


_tasks: list[Task] = []
"""In a process that makes lists: what it is there for."""


def _begin(task: Task) -> None:
    """Begin such a process; it ends with the one that began it, however that ends."""
    hold_to_one_thread()
    _tasks.append(task)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _lister() -> Callable[[range], Lists]:
    return _tasks[0].lister()


def _made(users: range) -> Lists:
    return _lister()(users)


def lists_of(model: Recommender, shop: Shop, users: range, n: int, *, exclude_seen: bool) -> TopN:
    """Rank `n` items for each of some users by one model, as the champion would for one of them."""
    rows = slice(users.start, users.stop)
    blend = cast("object", model)
    if not isinstance(blend, Blend) or blend.looks_at_few:
        history, sequences = shop.history[rows], shop.sequences(rows)
        return recommend_for(model, history, sequences, n, exclude_seen=exclude_seen)
    top = TopN.empty(len(users), n)  # in a batch it would score every item for every user
    for row, user in enumerate(users):
        best = recommend_to(model, shop.of_row(user).visitor, n, exclude_seen=exclude_seen)
        top.items[row, : len(best.items)] = best.items
        top.scores[row, : len(best.items)] = best.scores
    return top


def filled(top: TopN, shop: Shop, users: range, *, exclude_seen: bool) -> TopN:
    """Put what is popular now where a list has room; its score is NaN."""
    items, n = top.items.copy(), top.items.shape[1]
    for row in np.flatnonzero(items[:, -1] < 0).tolist():
        held = items[row][items[row] >= 0]
        if exclude_seen:
            start, stop = shop.history.indptr[users.start + row : users.start + row + 2]
            out = np.concatenate([held, shop.history.indices[start:stop]])
        else:
            out = held
        some = shop.popular_first[: n + len(out)]
        more = some[~np.isin(some, out)][: n - len(held)]
        items[row, len(held) : len(held) + len(more)] = more
    return TopN(items, top.scores)


def lists_of_cascade(champion: Champion, users: range, n: int, *, exclude_seen: bool) -> Lists:
    """Rank `n` items for each of some users by the whole cascade, as it would for one of them."""
    top = TopN.empty(len(users), n)
    sources = np.full((len(users), n), POPULAR, dtype=object)

    def fill(start: int) -> None:
        """Fill in the lists of a block of users."""
        rows = slice(start, start + CASCADE_ROWS)
        found = champion.ranked(users[rows], exclude_seen=exclude_seen)
        best = found.top(n)
        top.items[rows], top.scores[rows] = best.items, best.scores
        kept = found.ranks <= n
        chosen = found.candidates.take(kept)
        names = np.array(chosen.retrievers, dtype=object)
        sources[start + chosen.rows, found.ranks[kept] - 1] = names[chosen.origins]

    spread(fill, range(0, len(users), CASCADE_ROWS))
    return Lists(filled(top, champion.shop, users, exclude_seen=exclude_seen), sources)
