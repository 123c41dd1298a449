"""What an answer needs beside the models: who did what, and what items are called."""

from __future__ import annotations

import io
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from recomart.models.sequences import Sequences
from recomart.vocabulary import ADD_TO_CART, CLICK, EVENT_TYPES, PURCHASE, VIEW

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.lake import Lake, Manifest

DID = {VIEW: "viewed", CLICK: "looked at", ADD_TO_CART: "put in the cart", PURCHASE: "bought"}


@dataclass(frozen=True)
class History:
    """What one user, or a session, did.

    row        place in the id map of users, -1 for one who is not in it
    weights    shape (1, n_items)
    sequence   the same items, the latest last
    types      int8, what was done most strongly, parallel to the entries of `weights`
    """

    row: int
    weights: csr_array
    sequence: Sequences
    types: NDArray[np.int8]


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
    """

    users: pa.Array
    items: pa.Table
    categories: pa.Array
    codes: NDArray[np.int32]
    history: csr_array
    types: NDArray[np.int8]
    last_us: NDArray[np.int64]
    popular: NDArray[np.int32]

    @classmethod
    def read(cls, lake: Lake, manifest: Manifest) -> Self:
        """Read it from the champion's data set, every byte checked."""
        users = _table(lake, manifest, "users")["user_id"].combine_chunks()
        items = _table(lake, manifest, "items").combine_chunks()
        categories = _table(lake, manifest, "categories")["category_id"].combine_chunks()
        arrays = _arrays(lake, manifest, "history.npz")
        return cls(
            users=users,
            items=items,
            categories=categories,
            codes=items["category_code"].to_numpy(),
            history=csr_array(
                (arrays["weights"], arrays["indices"], arrays["indptr"]),
                shape=(len(users), len(items)),
            ),
            types=arrays["types"],
            last_us=arrays["last_us"],
            popular=_arrays(lake, manifest, "popular.npz")["items"],
        )

    def of_user(self, user_id: str) -> History:
        """Return what a user did; nothing for one who is not known."""
        row = find(self.users, user_id)
        if row < 0:
            return self.of_items([])
        span = slice(self.history.indptr[row], self.history.indptr[row + 1])
        order = np.argsort(self.last_us[span], kind="stable")
        items = self.history.indices[span][order].astype(np.int32)
        sequence = self._sequence(items, self.last_us[span][order])
        return History(row, self.history[[row]], sequence, self.types[span])

    def of_items(self, items: list[int]) -> History:
        """Return what a session did that viewed these items, the latest last."""
        weights = np.zeros((1, len(self.items)), dtype=np.float32)
        np.add.at(weights[0], items, 1)
        held = csr_array(weights)
        times = np.zeros(len(items), dtype=np.int64)
        types = np.full(held.nnz, EVENT_TYPES.index(VIEW), dtype=np.int8)
        return History(-1, held, self._sequence(np.array(items, dtype=np.int32), times), types)

    def title(self, item: int) -> str:
        """Return what an item is called: its title, or else its id."""
        title = self.items["title"][item].as_py()
        return str(title if title is not None else self.items["item_id"][item].as_py())

    def index_of(self, item_id: str) -> int:
        """Return the place of an item in the id map, -1 where it is not known."""
        return find(self.item_ids, item_id)

    @cached_property
    def item_ids(self) -> pa.Array:
        """The id map of items."""
        return self.items["item_id"].combine_chunks()

    def _sequence(self, items: NDArray[np.int32], times: NDArray[np.int64]) -> Sequences:
        starts = np.array([0, len(items)], dtype=np.int64)
        return Sequences(items, times, starts, len(self.items))


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
