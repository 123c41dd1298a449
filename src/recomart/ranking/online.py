"""Knowledge from the online store: what a ranker knows of one user now.

The same values as `recomart.ranking.knowing` gives as of the newest event, by look-ups: a user's
rows from the online store, all items' rows from memory.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.errors import NotFoundError
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
    """Looks knowledge up for one user or session at a time, or for a block of users.

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
        self._categories: list[str] = shop.categories.to_pylist()
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
        return self._known(self._asked(user_id, history, with_seen=with_seen) if user_id else {})

    def of_rows(self, rows: range, *, with_seen: bool) -> Knowledge:
        """Return what is known of many users, by their places in the id map; see `at`."""
        shop, history = self.shop, self.shop.history[rows.start : rows.stop]
        owners = np.repeat(np.arange(len(rows)), np.diff(history.indptr))
        met = keys_of(owners + rows.start, history.indices.astype(np.int64), shop.codes, self._span)
        names = shop.users[rows.start : rows.stop].to_pylist()
        kinds = np.unique(met[USER_CATEGORY][met[USER_CATEGORY] >= 0])
        pairs = zip(*(part.tolist() for part in np.divmod(kinds, self._span)), strict=True)
        asked: dict[tuple[str, ...], Keys] = {
            USER: (np.array(rows), [(name,) for name in names]),
            USER_CATEGORY: (
                kinds,
                [(names[row - rows.start], self._categories[kind]) for row, kind in pairs],
            ),
        }
        if with_seen:
            items = shop.item_ids.take(pa.array(history.indices)).to_pylist()
            owned = zip(owners.tolist(), items, strict=True)
            asked[USER_ITEM] = met[USER_ITEM], [(names[owner], item) for owner, item in owned]
        return self._known(asked)

    def _known(self, asked: dict[tuple[str, ...], Keys]) -> Knowledge:
        views = [
            self._fixed.get(name) or self._view(name, features, *asked.get(self._by[name], NO_KEYS))
            for name, features in self._columns.items()
        ]
        return Knowledge(tuple(views), self.shop.codes, self._span)

    def _asked(
        self, user_id: str, history: History, *, with_seen: bool
    ) -> dict[tuple[str, ...], Keys]:
        """Return under which keys to look for a user; see `keys_of` for the numbers."""
        row, met = history.row, history.visitor.items
        asked: dict[tuple[str, ...], Keys] = {USER: (np.array([row]), [(user_id,)])}
        if row < 0:  # a user whom the model does not know has no number of their own
            return asked
        kinds = sorted({*self.shop.codes[met].tolist()} - {-1})
        asked[USER_CATEGORY] = (
            np.int64(row) * self._span + np.array(kinds, dtype=np.int64),
            [(user_id, self._categories[kind]) for kind in kinds],
        )
        if with_seen:
            names = self.shop.items["item_id"].take(pa.array(met)).to_pylist()
            numbers = row * len(self.shop.codes) + met.astype(np.int64)
            asked[USER_ITEM] = numbers, [(user_id, name) for name in names]
        return asked

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
    [key] = by
    read = pq.ParquetDataset(lake.paths(manifest.files)).read
    table = read([key, *features])
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    places = pc.index_in(ids, value_set=table[key]).fill_null(len(table)).to_numpy()
    columns = {}
    for name in features:
        known = table[name].cast(pa.float64(), safe=False).to_numpy()
        columns[f"{manifest.name}__{name}"] = np.append(known, np.nan)[places]
    return View.of(by, np.arange(len(ids), dtype=np.int64), columns)
