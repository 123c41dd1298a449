"""What a ranker knows of users, items and the two together, as of one moment.

The values are the feature store's. Here they stand as arrays, so that a row for each of millions
of candidates is put together by look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from recomart.models.sparse import look_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from recomart.ranking.candidates import Candidates

USER, ITEM, CATEGORY = ("user_id",), ("item_id",), ("category_id",)
USER_CATEGORY, USER_ITEM = ("user_id", "category_id"), ("user_id", "item_id")
JOINABLE = (USER, ITEM, CATEGORY, USER_CATEGORY, USER_ITEM)
"""Join keys that a pair of user and item has; every view that has one of them takes part."""
RELATIVE_PRICE = "price_relative_to_user"
"""The item's price over the mean price of what the user met."""
RANK = "__rank"
"""End of the names of columns that hold a retriever's ranks."""
PRICES = ("item_features__price", "user_features__avg_price")


@dataclass(frozen=True)
class View:
    """One view as of a moment, as an array.

    by      its join key, one of `JOINABLE`
    names   ``view__feature``, the columns
    keys    int64, sorted, without repeats
    values  float32, shape (n_keys + 1, n_columns), NaN for null; the last row is of nobody
    """

    by: tuple[str, ...]
    names: tuple[str, ...]
    keys: NDArray[np.int64]
    values: NDArray[np.float32]

    @cached_property
    def is_whole(self) -> bool:
        """Whether the keys are 0, 1, 2 … without a gap."""
        return bool(self.keys[0] == 0 and self.keys[-1] == len(self.keys) - 1)

    @classmethod
    def of(
        cls,
        by: tuple[str, ...],
        keys: NDArray[np.int64],
        columns: Mapping[str, NDArray[np.floating]],
    ) -> View:
        """Sort keys and columns."""
        order = np.argsort(keys)
        values = np.full((len(keys) + 1, len(columns)), np.nan, dtype=np.float32)
        for place, column in enumerate(columns.values()):
            values[:-1, place] = column[order]
        return cls(by, tuple(columns), keys[order], values)

    def at(self, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a row for each key, NaN where it is not there."""
        if not len(self.keys):
            return np.full((len(keys), len(self.names)), np.nan, dtype=np.float32)
        if self.is_whole:
            return self.values[np.minimum(keys, len(self.keys))]  # -1, no key, is nobody, too
        place, is_there = look_up(self.keys, keys)
        return self.values[np.where(is_there, place, len(self.keys))]


@dataclass(frozen=True)
class Knowledge:
    """All views as of one moment; users and items by index, categories by number.

    span  `category_span` of the categories: of whole catalogues, so it is not sought each time
    """

    views: tuple[View, ...]
    categories: NDArray[np.int32]
    span: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns of `rows`."""
        return (*(name for view in self.views for name in view.names), RELATIVE_PRICE)

    @cached_property
    def _prices(self) -> tuple[int, ...]:
        """Return where `PRICES` stand; nowhere if one of them is not there."""
        if not all(name in self.names for name in PRICES):
            return ()
        return tuple(self.names.index(name) for name in PRICES)

    def rows(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return what is known of pairs of user and item: float32, shape (n_pairs, n_columns)."""
        found = np.empty((len(users), len(self.names)), dtype=np.float32)
        self.fill(found, users, items)
        return found

    def fill(
        self,
        found: NDArray[np.float32],
        users: NDArray[np.integer],
        items: NDArray[np.integer],
    ) -> None:
        """Write what `rows` returns into an array of that shape."""
        keys = keys_of(users.astype(np.int64), items.astype(np.int64), self.categories, self.span)
        start = 0
        for view in self.views:
            stop = start + len(view.names)
            found[:, start:stop] = view.at(keys[view.by])
            start = stop
        found[:, -1] = np.nan
        if self._prices:
            price, usual = (found[:, place] for place in self._prices)
            np.divide(price, usual, out=found[:, -1], where=usual > 0)


def keys_of(
    users: NDArray[np.int64], items: NDArray[np.int64], categories: NDArray[np.int32], span: int
) -> dict[tuple[str, ...], NDArray[np.int64]]:
    """Return the number of each pair under each join key; -1 where the item has no category.

    span  `category_span` of the categories
    """
    of_item = categories[items].astype(np.int64)
    of_both = users * span + of_item
    return {
        USER: users,
        ITEM: items,
        CATEGORY: of_item,
        USER_CATEGORY: np.where(of_item >= 0, of_both, -1),
        USER_ITEM: users * len(categories) + items,
    }


def category_span(categories: NDArray[np.int32]) -> int:
    """Return the number of categories, at least 1."""
    return int(categories.max(initial=0)) + 1


def matrix_of(
    candidates: Candidates, users: NDArray[np.int32], knowledge: Knowledge
) -> NDArray[np.float32]:
    """Return the ranker's row for each candidate, see `columns_of`; `users`: of each row."""
    n = len(candidates.retrievers)
    shape = (len(candidates.items), 2 * n + 2 + len(knowledge.names))
    matrix = np.empty(shape, dtype=np.float32, order="F")  # CatBoost takes it without a copy
    matrix[:, :n], matrix[:, n : 2 * n] = candidates.scores, candidates.ranks
    matrix[:, 2 * n] = candidates.fused
    matrix[:, 2 * n + 1] = n - np.isnan(candidates.ranks).sum(axis=1)
    knowledge.fill(matrix[:, 2 * n + 2 :], users[candidates.rows], candidates.items)
    return matrix


@lru_cache(maxsize=16)
def columns_of(retrievers: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the columns of `matrix_of`; `names`: those of the knowledge."""
    return (
        *(f"{name}__score" for name in retrievers),
        *(f"{name}{RANK}" for name in retrievers),
        "retrieval__agreement",
        "retrieval__n_proposing",
        *names,
    )
