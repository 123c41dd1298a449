"""What an answer needs beside the models: who did what, and what items are called."""

from __future__ import annotations

import io
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recomart.models.sequences import Sequences
from recomart.models.sparse import narrow
from recomart.models.visitor import Visitor
from recomart.ranking.segments import is_tail, users_of
from recomart.vocabulary import ADD_TO_CART, CLICK, EVENT_TYPES, PURCHASE, VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from typing_extensions import Self

    from recomart.lake import Lake, Manifest

DID = {VIEW: "viewed", CLICK: "looked at", ADD_TO_CART: "put in the cart", PURCHASE: "bought"}


@dataclass(frozen=True)
class History:
    """What one user, or a session, did.

    row      place in the id map of users, -1 for one who is not in it
    visitor  the items with their weights, and in the order of time
    types    int8, what was done most strongly, parallel to the items of `visitor`
    """

    row: int
    visitor: Visitor
    types: NDArray[np.int8]


class Fresh(NamedTuple):
    """Something that a user did after the model had learned.

    item      place in the id map
    kind      place in `EVENT_TYPES`
    strength  of the interaction; negative where it takes something back
    """

    item: int
    kind: int
    strength: float
    occurred_us: int


class Told(NamedTuple):
    """What a list tells of an item; the title is the id where it has none."""

    item_id: str
    title: str
    category_id: str | None
    price: float | None
    available: bool | None


TOLD = ("item_id", "title", "category_id", "price", "available")
REMEMBERED = 20_000
"""Items of which the line is kept ready: about 6 MB."""


@dataclass(frozen=True)
class Shop:
    """Users, items and histories.

    users       string, the id map
    items       item_id, title, category_id, price, available; in the order of the id map
    categories  string: what `codes` number
    codes       int32, shape (n_items,): the category that features go by; -1 for none
    history     confidence weights, shape (n_users, n_items)
    types       int8, what a user did most strongly, parallel to the entries of `history`
    last_us     int64, when a user last did something with the item, parallel to them too
    popular     int32, most popular items, best first
    is_tail     bool, shape (n_items,): see `segments.is_tail`; as it was when this was published,
                so that nobody's confidence moves when somebody is erased
    """

    users: pa.Array
    items: pa.Table
    categories: pa.Array
    codes: NDArray[np.int32]
    history: csr_array
    types: NDArray[np.int8]
    last_us: NDArray[np.int64]
    popular: NDArray[np.int32]
    is_tail: NDArray[np.bool_]

    @classmethod
    def read(cls, lake: Lake, manifest: Manifest) -> Self:
        """Read it from the champion's data set, every byte checked."""
        users = _table(lake, manifest, "users")["user_id"].combine_chunks()
        items = _table(lake, manifest, "items").combine_chunks()
        categories = _table(lake, manifest, "categories")["category_id"].combine_chunks()
        arrays, popular = (_arrays(lake, manifest, name) for name in ("history.npz", "popular.npz"))
        history = narrow(
            arrays["weights"], arrays["indices"], arrays["indptr"], (len(users), len(items))
        )
        tail = popular.get("is_tail")
        return cls(
            users=users,
            items=items,
            categories=categories,
            codes=items["category_code"].to_numpy(),
            history=history,
            types=arrays["types"],
            last_us=arrays["last_us"],
            popular=popular["items"],
            is_tail=is_tail(users_of(history)) if tail is None else tail,  # an older model has none
        )

    def of_user(self, user_id: str) -> History:
        """Return what a user did; nothing for one who is not known."""
        return self.of_row(self.user_index(user_id))

    def user_index(self, user_id: str) -> int:
        """Return the place of a user in the id map, -1 for one who is not known."""
        return find(self.users, user_id)

    def of_row(self, row: int, fresh: Sequence[Fresh] = ()) -> History:
        """Return what a user did, and what came since; -1: nothing but that.

        fresh  in the order in which it happened
        """
        start, stop = self.history.indptr[row : row + 2].tolist() if row >= 0 else (0, 0)
        span = slice(start, stop)
        items, weights = self.history.indices[span], self.history.data[span]
        types, last_us = self.types[span], self.last_us[span]
        order = last_us.argsort(kind="stable")
        latest, latest_us = items[order], last_us[order]
        if fresh:
            new, kinds, strengths, times = zip(*fresh, strict=True)
            latest = np.concatenate([latest, np.array(new, dtype=np.int32)])
            latest_us = np.concatenate([latest_us, np.array(times, dtype=np.int64)])
            items, weights, types = _merged(
                np.concatenate([items, latest[-len(new) :]]),
                np.concatenate([weights, np.array(strengths, dtype=np.float32)]),
                np.concatenate([types, np.array(kinds, dtype=np.int8)]),
            )
        return History(row, Visitor(items, weights, latest, latest_us, len(self.items)), types)

    def sequences(self, rows: slice) -> Sequences:
        """Return what some users did, in the order of time; as `of_row` does for one."""
        starts = self.history.indptr[rows.start : rows.stop + 1].astype(np.int64)
        span = slice(int(starts[0]), int(starts[-1]))
        of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        order = np.lexsort((self.last_us[span], of))
        items, last_us = self.history.indices[span][order], self.last_us[span][order]
        return Sequences(items, last_us, starts - starts[0], len(self.items))

    @cached_property
    def popular_first(self) -> NDArray[np.int32]:
        """All items: what is popular now, then the rest of the catalogue; what fills lists."""
        rest = np.ones(len(self.items), dtype=bool)
        rest[self.popular] = False
        return np.concatenate([self.popular, np.flatnonzero(rest)]).astype(np.int32)

    def of_items(self, items: list[int]) -> History:
        """Return what a session did that viewed these items, the latest last."""
        view = EVENT_TYPES.index(VIEW)
        return self.of_row(-1, [Fresh(item, view, 1.0, 0) for item in items])

    def title(self, item: int) -> str:
        """Return what an item is called: its title, or else its id."""
        return self.told(item).title

    def told(self, item: int) -> Told:
        """Return what is told of an item."""
        return self._told(item)

    @cached_property
    def _told(self) -> Callable[[int], Told]:
        """Look items up, and remember those that are shown most."""
        ids, titles, categories, prices, available = (
            self.items[name].combine_chunks() for name in TOLD
        )

        @lru_cache(maxsize=REMEMBERED)
        def told(item: int) -> Told:
            """Take an item's line."""
            item_id, title = ids[item].as_py(), titles[item].as_py()
            return Told(
                item_id,
                item_id if title is None else title,
                categories[item].as_py(),
                prices[item].as_py(),
                available[item].as_py(),
            )

        return told

    def index_of(self, item_id: str) -> int:
        """Return the place of an item in the id map, -1 where it is not known."""
        return find(self.item_ids, item_id)

    @cached_property
    def item_ids(self) -> pa.Array:
        """The id map of items."""
        return self.items["item_id"].combine_chunks()


def _merged(
    items: NDArray[np.int32], strengths: NDArray[np.float32], kinds: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int8]]:
    """Put what was done with an item together: the sum above 0, and what was done most strongly."""
    items, place = np.unique(items, return_inverse=True)
    total = np.bincount(place, strengths, minlength=len(items)).astype(np.float32)
    strongest = np.zeros(len(items), dtype=np.int8)
    order = np.argsort(strengths, kind="stable")
    strongest[place[order]] = kinds[order]
    kept = total > 0
    return items[kept].astype(np.int32), total[kept], strongest[kept]


def did(kind: int) -> str:
    """Say what an event type is, as in "because you bought"."""
    return DID.get(EVENT_TYPES[int(kind)], "chose")


def find(ids: pa.Array, wanted: str) -> int:
    """Return the index of an id in a sorted id map, -1 where it is not known."""
    place = bisect_left(range(len(ids)), wanted, key=lambda at: ids[at].as_py())
    return place if place < len(ids) and ids[place].as_py() == wanted else -1


def _arrays(lake: Lake, manifest: Manifest, name: str) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(lake.read_file(manifest, name)), allow_pickle=False) as arrays:
        return dict(arrays)


def _table(lake: Lake, manifest: Manifest, partition: str) -> pa.Table:
    [path] = lake.paths([manifest.by_partition()[partition]])
    return pq.read_table(path)
