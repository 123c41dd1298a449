"""The stock of a made shop: category tree, items, prices, popularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.sources.generator.words import COLOURS, LEAVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.sources.generator.spec import ShopSpec

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

N_STYLES = len(COLOURS)
N_CATEGORIES = 1_669  # of RetailRocket, 25 of them roots
N_ROOTS = 25
TAILS = {"basic": (0.0, 0.85), "retailrocket": (100.0, 1.25)}
"""Popularity is ``(shift + rank)**-exponent``; RetailRocket's leaves half of the items untouched.

Mandelbrot's form of Zipf's law; the shift keeps the very first items from taking all.
"""


@dataclass(frozen=True, slots=True)
class Stock:
    """The items of a shop, as arrays over items unless said otherwise.

    A shelf is a category without subcategories, in one style. `line` puts all
    items in a row, shelf by shelf, popular ones first within a shelf, and `cumulative`
    sums their popularity along it: drawing from a shelf, a category or the whole
    shop is then one look-up in one stretch of it.

    parents      category id to parent id, in order; None for a root
    category_ids ids of the categories without subcategories, over those
    line         item indices
    cumulative   shape (n_items + 1,)
    shelf_ends   positions in `line` where shelves begin, shape (n_shelves + 1,)
    price_cents  first price; changes by `factors` on `change_days`, shape (n_items, 2) each
    """

    parents: dict[str, str | None]
    category_ids: list[str]
    line: Ints
    cumulative: Floats
    shelf_ends: Ints
    shelf: Ints
    launch_day: Ints
    companion: Ints
    quality: Floats
    price_cents: Ints
    change_days: Ints
    factors: Floats

    @property
    def category(self) -> Ints:
        """Index into `category_ids` of each item."""
        return self.shelf // N_STYLES

    def price_on(self, items: Ints, days: Ints) -> Ints:
        """Price in cents of each item on a day."""
        changed = self.change_days[items] <= days[:, None]
        factor = np.where(changed, self.factors[items], 1.0).prod(axis=1)
        cents: Ints = np.maximum(np.round(self.price_cents[items] * factor), 1).astype(np.int64)
        return cents


def make_stock(spec: ShopSpec) -> Stock:
    """Make the items of the shop that `spec` asks for."""
    rng = np.random.default_rng([spec.seed, 1])
    parents, leaves, medians = _basic_tree() if spec.layout == "basic" else _numbered_tree(rng)
    n_leaves = min(len(leaves), spec.n_items // N_STYLES)
    n_shelves = n_leaves * N_STYLES
    shelf = _shelves(rng, spec.n_items, n_shelves)
    shift, exponent = TAILS[spec.layout]
    popularity = (1.0 + shift + rng.permutation(spec.n_items)) ** -exponent
    line = np.lexsort((-popularity, shelf))
    shelf_ends = np.searchsorted(shelf[line], np.arange(n_shelves + 1))
    launch_day = np.where(
        rng.random(spec.n_items) < 0.75, 0, rng.integers(0, spec.days, spec.n_items)
    )
    launch_day[line[shelf_ends[:-1]]] = 0  # every shelf has something on the first day
    price = medians[shelf // N_STYLES] * rng.lognormal(0.0, 0.35, spec.n_items)
    return Stock(
        parents=parents,
        category_ids=leaves[:n_leaves],
        line=line,
        cumulative=np.concatenate([[0.0], np.cumsum(popularity[line])]),
        shelf_ends=shelf_ends,
        shelf=shelf,
        launch_day=launch_day,
        companion=rng.integers(0, spec.n_items, spec.n_items),
        quality=np.clip(rng.normal(3.7, 0.6, spec.n_items), 1.0, 5.0),
        price_cents=_charming(price),
        change_days=_change_days(rng, spec),
        factors=np.round(rng.choice([0.8, 0.9, 0.95, 1.05, 1.1], (spec.n_items, 2)), 2),
    )


def _shelves(rng: np.random.Generator, n_items: int, n_shelves: int) -> Ints:
    """A shelf for each item: none stays empty, some are long."""
    weights = rng.lognormal(0.0, 0.5, n_shelves)
    rest = rng.choice(n_shelves, n_items - n_shelves, p=weights / weights.sum())
    return rng.permutation(np.concatenate([np.arange(n_shelves), rest]))


def _change_days(rng: np.random.Generator, spec: ShopSpec) -> Ints:
    """Days on which prices change; for most items they never come."""
    days = rng.integers(1, spec.days + 1, (spec.n_items, 2))
    return np.where(rng.random((spec.n_items, 2)) < 0.15, days, spec.days + 1)


def _charming(price: Floats) -> Ints:
    """Prices in cents as shops write them: 18.90, 64.00."""
    cents = np.where(price < 40, np.ceil(price) * 100 - 10, np.ceil(price) * 100)
    return np.maximum(cents, 90).astype(np.int64)


def _basic_tree() -> tuple[dict[str, str | None], list[str], Floats]:
    """Tree of three levels, its leaves, and their median prices."""
    parents: dict[str, str | None] = {}
    for leaf in LEAVES:
        parents.setdefault(leaf.root, None)
        parents.setdefault(leaf.branch, leaf.root)
        parents[leaf.leaf] = leaf.branch
    return parents, [leaf.leaf for leaf in LEAVES], np.array([leaf.price for leaf in LEAVES])


def _numbered_tree(rng: np.random.Generator) -> tuple[dict[str, str | None], list[str], Floats]:
    """Tree of RetailRocket's size and depth, with numbers for names."""
    ids = [str(number) for number in rng.permutation(N_CATEGORIES + 30)[:N_CATEGORIES]]
    parent = [int(rng.integers(0, max(N_ROOTS, n // 4))) for n in range(N_CATEGORIES)]
    order = rng.permutation(N_CATEGORIES)
    parents = {ids[n]: ids[parent[n]] if n >= N_ROOTS else None for n in order.tolist()}
    leaves = sorted(set(ids) - set(parents.values()), key=int)
    return parents, leaves, rng.lognormal(3.5, 0.8, len(leaves))
