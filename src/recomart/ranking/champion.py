"""The champion: answers with lists that a person can read, whoever asks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from recomart.ranking.training import read_model
from recomart.vocabulary import ADD_TO_CART, CLICK, EVENT_TYPES, PURCHASE, VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from recomart.lake import Lake, Manifest
    from recomart.models.base import Recommender

DATASET = "champion"
DID = {VIEW: "viewed", CLICK: "looked at", ADD_TO_CART: "put in the cart", PURCHASE: "bought"}
SHOWN_REASONS = 2
"""History items named in a reason."""


@dataclass(frozen=True)
class Recommendation:
    """One line of a list. `score` compares within the list only; it has no unit."""

    rank: int
    item_id: str
    title: str
    category_id: str | None
    price: float | None
    score: float | None
    source: str
    reason: str


@dataclass(frozen=True)
class Shop:
    """What an answer needs beside the model.

    users    string, the id map
    items    item_id, title, category_id, price, available; in the order of the id map
    history  confidence weights, shape (n_users, n_items)
    types    int8, what a user did most strongly, parallel to the entries of `history`
    popular  int32, most popular items, best first
    """

    users: pa.Array
    items: pa.Table
    history: csr_array
    types: NDArray[np.int8]
    popular: NDArray[np.int32]


class Champion:
    """A fitted model with the id maps, histories and titles it needs to answer.

    Every question gets an answer: a user or an item that is not known is given what is popular
    now, and a list that the model cannot fill is filled with it.
    """

    def __init__(self, model: Recommender, name: str, shop: Shop, version: str = "") -> None:
        self.model = model
        self.name = name
        self.shop = shop
        self.version = version

    @classmethod
    def load(cls, lake: Lake) -> Champion:
        """Load the current champion, every byte checked. Raises DataSetNotFoundError."""
        manifest = lake.latest(DATASET)
        users = _table(lake, manifest, "users")["user_id"].combine_chunks()
        items = _table(lake, manifest, "items").combine_chunks()
        arrays = np.load(io.BytesIO(lake.read(DATASET, "history.npz")), allow_pickle=False)
        history = csr_array(
            (arrays["weights"], arrays["indices"], arrays["indptr"]),
            shape=(len(users), len(items)),
        )
        popular = np.load(io.BytesIO(lake.read(DATASET, "popular.npz")), allow_pickle=False)
        shop = Shop(users, items, history, arrays["types"], popular["items"])
        name = str(manifest.details["model"])
        return cls(read_model(lake, DATASET), name, shop, manifest.version)

    def recommend(self, user_id: str, n: int, *, exclude_seen: bool = True) -> list[Recommendation]:
        """Rank `n` items for a user, best first; fewer only if the catalogue has fewer."""
        row = _find(self.shop.users, user_id)
        history = self.shop.history[[row]] if row >= 0 else self._no_history()
        if history.nnz == 0:
            return self._popular(n, "popular now; nothing is known of this user yet")
        top = self.model.recommend(history, n, exclude_seen=exclude_seen)
        chosen = [(int(i), float(s)) for i, s in zip(top.items[0], top.scores[0], strict=True)]
        types = self.shop.types[self.shop.history.indptr[row] : self.shop.history.indptr[row + 1]]
        lines = [
            self._line(rank, item, score, self.name, self._reason(history, types, item))
            for rank, (item, score) in enumerate(chosen, start=1)
            if item >= 0
        ]
        seen = set(history.indices.tolist()) if exclude_seen else set()
        return self._fill(lines, n, seen | {item for item, _ in chosen})

    def similar(self, item_id: str, n: int) -> list[Recommendation]:
        """Rank `n` items by their likeness to one; for an item not known: what is popular now."""
        index = _find(self.shop.items["item_id"], item_id)
        if index < 0:
            return self._popular(n, f"popular now; the item {item_id!r} is not known")
        top = self.model.similar_items(np.array([index], dtype=np.int32), n)
        title = self._title(index)
        lines = [
            self._line(rank, int(item), float(score), self.name, f"goes with {title}")
            for rank, (item, score) in enumerate(zip(top.items[0], top.scores[0], strict=True), 1)
            if item >= 0
        ]
        return self._fill(lines, n, {index, *top.items[0].tolist()})

    def history_of(self, user_id: str, n: int) -> list[tuple[str, str]]:
        """Return what a user did, strongest first: (what, title)."""
        row = _find(self.shop.users, user_id)
        if row < 0:
            return []
        span = slice(self.shop.history.indptr[row], self.shop.history.indptr[row + 1])
        order = np.argsort(-self.shop.history.data[span], kind="stable")[:n]
        items, types = self.shop.history.indices[span][order], self.shop.types[span][order]
        pairs = zip(types, items, strict=True)
        return [(_did(kind), self._title(int(item))) for kind, item in pairs]

    def _no_history(self) -> csr_array:
        return csr_array(np.zeros((1, len(self.shop.items)), dtype=np.float32))

    def _reason(self, history: csr_array, types: NDArray[np.int8], item: int) -> str:
        """Name the history items that speak most for an item."""
        shares = self.model.contributions(history, item)
        total = float(shares[shares > 0].sum())
        if total <= 0:
            return "popular now"
        best = [k for k in np.argsort(-shares, kind="stable")[:SHOWN_REASONS] if shares[k] > 0]
        told = [f"{_did(types[k])} {self._title(int(history.indices[k]))}" for k in best]
        return "because you " + " and ".join(told)

    def _popular(self, n: int, reason: str, without: Iterable[int] = ()) -> list[Recommendation]:
        """Rank what is popular now; after it, the rest of the catalogue in its order."""
        left_out = set(without)
        order = [i for i in self.shop.popular.tolist() if i not in left_out]
        if len(order) < n:
            known = {*order, *left_out}
            order += [i for i in range(len(self.shop.items)) if i not in known][: n - len(order)]
        return [
            self._line(rank, item, None, "popularity", reason)
            for rank, item in enumerate(order[:n], start=1)
        ]

    def _fill(self, lines: list[Recommendation], n: int, used: set[int]) -> list[Recommendation]:
        missing = n - len(lines)
        more = self._popular(missing, "popular now", used) if missing > 0 else []
        shift = len(lines)
        return lines + [_at_rank(line, shift + line.rank) for line in more]

    def _line(
        self, rank: int, item: int, score: float | None, source: str, reason: str
    ) -> Recommendation:
        row = {name: self.shop.items[name][item].as_py() for name in self.shop.items.column_names}
        return Recommendation(
            rank=rank,
            item_id=row["item_id"],
            title=self._title(item),
            category_id=row["category_id"],
            price=row["price"],
            score=score,
            source=source,
            reason=reason,
        )

    def _title(self, item: int) -> str:
        title = self.shop.items["title"][item].as_py()
        return str(title if title is not None else self.shop.items["item_id"][item].as_py())


def typical_users(champion: Champion, n: int) -> Sequence[str]:
    """Return users with middling histories, spread evenly: whom a demonstration should show."""
    lengths = np.diff(champion.shop.history.indptr)
    rows = np.argsort(-lengths, kind="stable")
    rows = rows[lengths[rows] > 0]
    places = np.linspace(0, len(rows) - 1, num=min(n, len(rows)) + 2, dtype=int)[1:-1]
    return [champion.shop.users[int(rows[place])].as_py() for place in places]


def _at_rank(line: Recommendation, rank: int) -> Recommendation:
    return Recommendation(**{**vars(line), "rank": rank})


def _did(kind: int) -> str:
    return DID.get(EVENT_TYPES[int(kind)], "chose")


def _find(ids: pa.Array | pa.ChunkedArray, wanted: str) -> int:
    """Return the index of an id, -1 where it is not known."""
    return int(pc.index(ids, pa.scalar(wanted, ids.type)).as_py())


def _table(lake: Lake, manifest: Manifest, partition: str) -> pa.Table:
    [path] = lake.paths([manifest.by_partition()[partition]])
    return pq.read_table(path)
