"""Knowledge from the offline store: training rows and comparisons, as of any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from recomart.features.offline import OfflineStore, Wanted
from recomart.features.registry import Registry
from recomart.features.views import views_of
from recomart.ranking.knowledge import (
    CATEGORY,
    ITEM,
    JOINABLE,
    USER,
    USER_CATEGORY,
    USER_ITEM,
    Knowledge,
    View,
    category_span,
    keys_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.features.registry import Entry
    from recomart.lake import Lake
    from recomart.ranking.content import Content
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import FeatureSettings

LEFT_OUT = {"item_features": {"category_code"}}
"""A number without order; what it could tell, the affinity to the category tells better."""


def joinable(lake: Lake, settings: FeatureSettings) -> list[Entry]:
    """Return the views that a pair of user and item can be joined with, as registered."""
    registry = Registry(lake)
    found = [registry.get(name, view.version) for name, view in views_of(settings).items()]
    return [entry for entry in found if tuple(entry.keys) in JOINABLE]


def numbers_of(entry: Entry) -> list[str]:
    """Return the features of a view that a ranker reads."""
    left_out = LEFT_OUT.get(entry.name, set())
    return [f.name for f in entry.features if f.dtype != "string" and f.name not in left_out]


class Asker(Protocol):
    """Users and what they did, a row each; a `Question` is one."""

    @property
    def users(self) -> NDArray[np.int32]:
        """Places in the id map of users."""

    @property
    def history(self) -> csr_array:
        """Confidence weights, shape (n_users, n_items)."""


class Knowing:
    """Looks knowledge up in the offline store.

    Values are as of the moment asked for: the store counts only what had happened and arrived
    before it (`recomart.features.offline`).
    """

    def __init__(
        self, store: OfflineStore, lake: Lake, settings: FeatureSettings, data: EventArrays
    ) -> None:
        self.store = store
        self.data = data
        self._entries = joinable(lake, settings)

    def at(self, question: Asker, content: Content, at_us: int, *, with_seen: bool) -> Knowledge:
        """Return what was known of users, and of all items, just before `at_us`.

        question   who is asked about, and their histories: of those items and categories what is
                   known together with the user is looked up
        with_seen  also of the users with each item; else such pairs are unknown, as they are for
                   every item that a user had not met
        """
        users, history = question.users.astype(np.int64), question.history
        met = np.repeat(users, np.diff(history.indptr)), history.indices.astype(np.int64)
        span = category_span(content.categories)
        keys = keys_of(*met, content.categories, span)
        asked = {
            USER: np.unique(users),
            ITEM: np.arange(len(content.categories), dtype=np.int64),
            CATEGORY: np.arange(len(content.category_ids), dtype=np.int64),
            USER_CATEGORY: np.unique(keys[USER_CATEGORY][keys[USER_CATEGORY] >= 0]),
            USER_ITEM: np.unique(keys[USER_ITEM])[: None if with_seen else 0],
        }
        views = [
            self._look_up(entry, asked[tuple(entry.keys)], content, at_us)
            for entry in self._entries
        ]
        return Knowledge(tuple(views), content.categories, span)

    def _look_up(self, entry: Entry, keys: NDArray[np.int64], content: Content, at_us: int) -> View:
        """Ask the store about one view's keys."""
        by = tuple(entry.keys)
        columns = {name: f"{entry.name}__{name}" for name in numbers_of(entry)}
        moments = pa.chunked_array([np.full(len(keys), at_us, dtype=np.int64)])
        wanted = [Wanted(entry, entry.keys, columns)]
        found = self.store.features_at(self._ids(by, keys, content), moments, wanted)
        return View.of(by, keys, {name: as_float(found[name]) for name in columns.values()})

    def _ids(self, by: tuple[str, ...], keys: NDArray[np.int64], content: Content) -> pa.Table:
        """Turn numbers of `keys_of` back into ids."""
        ids = {
            "user_id": self.data.user_ids,
            "item_id": self.data.item_ids,
            "category_id": content.category_ids,
        }
        spans = {
            USER_CATEGORY: category_span(content.categories),
            USER_ITEM: len(content.categories),
        }
        parts = divmod(keys, spans[by]) if by in spans else (keys,)
        columns = {
            name: ids[name].take(pa.array(part)) for name, part in zip(by, parts, strict=True)
        }
        return pa.table(columns)


def as_float(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Return numbers, NaN for null."""
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    return values.astype(np.float32)
