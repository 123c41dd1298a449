"""Ways from what a visitor had to other items, through all models that link items one by one.

They are looked up once for a list: they say what the models propose, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from recomart.models.blend import Blend
from recomart.models.item_to_item import ItemToItem
from recomart.models.selection import Ranking, best_of
from recomart.models.sparse import look_up, summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from recomart.models.base import Recommender
    from recomart.models.visitor import Visitor

MANY = 4
"""With more than so many times the items that are wanted, the best are sought before they sort."""


@dataclass(frozen=True)
class Paths:
    """The ways of one visitor, those of a model together.

    models  those that link items
    of      intp: the place of the way's model among them
    owners  intp: where it starts, a place among the visitor's items
    items   int32: where it leads
    worth   float32: what it adds to the model's score of the item
    """

    visitor: Visitor
    models: Sequence[ItemToItem[Any]]
    of: NDArray[np.intp]
    owners: NDArray[np.intp]
    items: NDArray[np.int32]
    worth: NDArray[np.float32]

    @classmethod
    def through(cls, models: Sequence[ItemToItem[Any]], visitor: Visitor) -> Paths:
        """Look them up."""
        found = [model.paths_of(visitor) for model in models]
        if not found:
            nowhere = np.empty(0, dtype=np.intp)
            return cls(visitor, (), nowhere, nowhere, visitor.items[:0], visitor.weights[:0])
        of = np.arange(len(found)).repeat([len(owners) for owners, _, _ in found])
        owners, items, worth = (np.concatenate(part) for part in zip(*found, strict=True))
        return cls(visitor, models, of, owners, items, worth)

    def best(self, n: int, *, exclude_seen: bool) -> list[Ranking]:
        """Return the `n` best items of each model, as `recommend_one` would."""
        of, items, scores = self._summed()
        if exclude_seen:
            kept = ~self.visitor.has(items)
            of, items, scores = of[kept], items[kept], scores[kept]
        cuts = np.searchsorted(of, np.arange(len(self.models) + 1)).tolist()
        if len(of) > MANY * n * max(len(self.models), 1):
            return [
                best_of(items[first:stop], scores[first:stop], n) for first, stop in pairwise(cuts)
            ]
        order = np.lexsort((items, -scores, of))
        items, scores = items[order], scores[order]
        spans = [slice(at, min(at + n, end)) for at, end in pairwise(cuts)]
        return [Ranking(items[span], scores[span]) for span in spans]

    def shares(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return what of each model's score of an item comes from what, summed over the models.

        Shape (n_had, n_items): had by the visitor.
        """
        if not len(items):
            return np.zeros((len(self.visitor.items), 0), dtype=np.float32)
        order = items.argsort()
        place, is_there = look_up(items[order], self.items)
        hit = np.flatnonzero(is_there)
        shape = (len(self.models), len(self.visitor.items), len(items))
        found = np.zeros(shape, dtype=np.float32)
        found[self.of[hit], self.owners[hit], order[place[hit]]] = self.worth[hit]
        found /= np.maximum(found.sum(axis=1, keepdims=True), np.float32(1e-30))
        shares: NDArray[np.float32] = found.sum(axis=0)
        return shares

    def _summed(self) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float32]]:
        """Return models, items and scores: each item once a model."""
        if len(self.visitor.items) < 2 or not len(self.items):
            return self.of, self.items, self.worth
        n_items = self.visitor.n_items
        keys, scores = summed(
            self.of * n_items + self.items, self.worth, len(self.models) * n_items
        )
        of, items = np.divmod(keys, n_items)
        return of, items.astype(np.int32), scores


def linked(models: Iterable[Recommender]) -> list[ItemToItem[Any]]:
    """Return the models that link items, those in a blend, too."""
    return [model for model in members(models) if isinstance(model, ItemToItem)]


def members(models: Iterable[object]) -> Iterator[object]:
    """Yield models, and in the place of a blend its members."""
    for model in models:
        if isinstance(model, Blend):
            yield from model.models_
        else:
            yield model
