"""Knowledge from the online store: what a ranker knows of one user now.

The same values as `recomart.ranking.knowing` gives as of the newest event, by look-ups: a user's
rows from the online store, all items' rows from memory.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from recomart.errors import NotFoundError
from recomart.features.online import ColumnTable
from recomart.ranking.knowledge import (
    CATEGORY,
    ITEM,
    USER,
    USER_CATEGORY,
    USER_ITEM,
    Knowledge,
    View,
    category_span,
    keys_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from recomart.features.online.read import Key
    from recomart.lake import Lake, Manifest
    from recomart.ranking.shop import History, Shop

Columns = dict[str, list[str]]
"""View → its features, both in the order of the ranker's columns."""


Keys = tuple["NDArray[np.int64]", list[tuple[str, ...]]]
"""Keys as numbers and as ids, parallel."""
NO_KEYS: Keys = np.empty(0, dtype=np.int64), []


class ByKey(Protocol):
    """What knows features by key: an online store, or a copy of one."""

    def matrix(self, view: str, keys: Sequence[Key], features: Sequence[str]) -> NDArray[Any]:
        """See `recomart.features.online.OnlineFeatures.matrix`."""


def views_in(columns: Sequence[str], by: dict[str, tuple[str, ...]]) -> Columns:
    """Return the views and features that a ranker's columns name; `by`: view → join key."""
    found: Columns = {}
    for column in columns:
        view, _, feature = column.partition("__")
        if view in by:
            found.setdefault(view, []).append(feature)
    return found


class OnlineKnowing:
    """Looks knowledge up for one user or session at a time.

    by  view → join key, as the ranker learned from it

    `versions` tells which version of a view stands in memory, `looked_up` names the other views.
    """

    def __init__(
        self,
        lake: Lake,
        online: ByKey,
        shop: Shop,
        columns: Sequence[str],
        by: dict[str, tuple[str, ...]],
    ) -> None:
        self.online = online
        self.shop = shop
        self._by = by
        self._span = category_span(shop.codes)
        self._columns = views_in(columns, by)
        ids: dict[tuple[str, ...], pa.Array | pa.ChunkedArray] = {
            ITEM: shop.items["item_id"],
            CATEGORY: shop.categories,
        }
        latest = {name: lake.latest(name) for name in self._columns if by[name] in ids}
        self._fixed = {
            name: _whole(lake, manifest, ids[by[name]], by[name], self._columns[name])
            for name, manifest in latest.items()
        }
        self.versions = {name: manifest.version for name, manifest in latest.items()}
        self.looked_up = tuple(name for name in self._columns if name not in latest)

    def at(self, user_id: str, history: History, *, with_seen: bool) -> Knowledge:
        """Return what is known of a user with everything; see `Knowing.at`."""
        met = history.visitor.items.astype(np.int64)
        users = np.full(len(met), history.row, dtype=np.int64)
        keys = keys_of(users, met, self.shop.codes, self._span)
        asked: dict[tuple[str, ...], Keys] = {
            USER: (np.array([history.row]), [(user_id,)]),
            USER_CATEGORY: self._pairs(
                user_id, keys[USER_CATEGORY], self.shop.codes[met], self.shop.categories
            ),
            USER_ITEM: self._pairs(user_id, keys[USER_ITEM], met, self.shop.items["item_id"]),
        }
        if not with_seen:
            asked[USER_ITEM] = NO_KEYS
        if not user_id:  # nothing is stored of an anonymous visitor
            asked = dict.fromkeys(asked, NO_KEYS)
        views = [
            self._fixed.get(name) or self._view(name, features, *asked[self._by[name]])
            for name, features in self._columns.items()
        ]
        return Knowledge(tuple(views), self.shop.codes)

    def _pairs(
        self,
        user_id: str,
        keys: NDArray[np.int64],
        others: NDArray[np.integer],
        ids: pa.Array | pa.ChunkedArray,
    ) -> Keys:
        """Return the keys of a user with items or categories, as numbers and as ids."""
        kept, first = np.unique(keys[keys >= 0], return_index=True)
        chosen = others[keys >= 0][first]
        return kept, [(user_id, ids[int(place)].as_py()) for place in chosen]

    def _view(
        self, name: str, features: list[str], keys: NDArray[np.int64], ids: list[tuple[str, ...]]
    ) -> View:
        """Look one view up; unknown where the store does not have it."""
        values = np.full((len(ids), len(features)), np.nan)
        if ids:
            with suppress(NotFoundError):
                values = self.online.matrix(name, ids, features)
        columns = {f"{name}__{f}": values[:, place] for place, f in enumerate(features)}
        return View.of(self._by[name], keys, columns)


def _whole(
    lake: Lake,
    manifest: Manifest,
    ids: pa.Array | pa.ChunkedArray,
    by: tuple[str, ...],
    features: list[str],
) -> View:
    """Read a view of items or categories into memory, by place in the id map."""
    table = ColumnTable.read(lake, manifest, by[0])
    values = table.take(ids.to_pylist(), table.columns_of(features))
    names = [f"{manifest.name}__{f}" for f in features]
    columns = {name: values[:, place] for place, name in enumerate(names)}
    return View.of(by, np.arange(len(ids), dtype=np.int64), columns)
