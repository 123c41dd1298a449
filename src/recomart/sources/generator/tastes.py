"""Which items the users of a made shop touch: tastes, intents, fashions, companions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.sources.generator.stock import N_STYLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.sources.generator.spec import ShopSpec
    from recomart.sources.generator.stock import Stock
    from recomart.sources.generator.visits import Visits

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

N_TASTES = 3  # shelves that a user likes
N_HOT = 12  # items of the week
INTENTS = np.cumsum([0.55, 0.28])  # which taste a session is about
# Where a touch comes from: intent, another taste, same category, hot, all of the shop
ORIGINS = np.cumsum([0.66, 0.12, 0.05, 0.07])
COMPANION = 0.12  # chance that what goes with the last item follows


def touched_items(spec: ShopSpec, stock: Stock, visits: Visits) -> tuple[Ints, Bools]:
    """Item of each touch, and whether it is to the user's taste."""
    rng = np.random.default_rng([spec.seed, 4])
    tastes = _tastes(rng, spec.n_users, len(stock.shelf_ends) - 1)
    n = len(visits.session)
    intent = np.searchsorted(INTENTS, rng.random(len(visits.user)))[visits.session]
    origin = np.searchsorted(ORIGINS, rng.random(n))
    taste = np.where(origin == 1, (intent + 1) % N_TASTES, intent)
    shelf = tastes[visits.user[visits.session], taste]
    item = _drawn(rng, stock, visits, *_stretch(stock, shelf, origin))
    hot = origin == 3
    item[hot] = _hot(rng, spec, stock, visits.day[visits.session[hot]])
    follows = ~visits.is_first & (rng.random(n) < COMPANION)
    follows &= stock.launch_day[stock.companion[np.roll(item, 1)]] <= visits.day[visits.session]
    item = np.where(follows, stock.companion[np.roll(item, 1)], item)
    return item, (origin < 2) | follows


def _tastes(rng: np.random.Generator, n_users: int, n_shelves: int) -> Ints:
    """Shelves that each user likes, shape (n_users, N_TASTES): mostly of one style."""
    n_leaves = n_shelves // N_STYLES
    appeal = (1.0 + rng.permutation(n_leaves)) ** -0.5
    drawn = rng.random((n_users, N_TASTES)) * appeal.sum()
    leaf = np.minimum(np.searchsorted(appeal.cumsum(), drawn), n_leaves - 1)
    style = np.repeat(rng.integers(0, N_STYLES, (n_users, 1)), N_TASTES, axis=1)
    strays = rng.random(style.shape) < 0.2
    style[strays] = rng.integers(0, N_STYLES, int(strays.sum()))
    shelves: Ints = leaf * N_STYLES + style
    return shelves


def _stretch(stock: Stock, shelf: Ints, origin: Ints) -> tuple[Ints, Ints]:
    """Stretch of `stock.line` that each touch draws from: shelf, category or all."""
    category = shelf // N_STYLES * N_STYLES
    first = np.where(origin == 2, category, shelf)
    last = np.where(origin == 2, category + N_STYLES, shelf + 1)
    begin, end = stock.shelf_ends[first], stock.shelf_ends[last]
    everything = origin > 2
    return np.where(everything, 0, begin), np.where(everything, len(stock.line), end)


def _drawn(rng: np.random.Generator, stock: Stock, visits: Visits, begin: Ints, end: Ints) -> Ints:
    """An item for each touch, by popularity, among those that the shop has by that day."""
    day = visits.day[visits.session]
    item = stock.line[begin]  # on sale from the first day
    waiting = np.arange(len(begin))
    for _ in range(4):
        low, high = stock.cumulative[begin[waiting]], stock.cumulative[end[waiting]]
        drawn = low + (high - low) * rng.random(len(waiting))
        place = np.searchsorted(stock.cumulative, drawn, side="right") - 1
        found = stock.line[np.clip(place, begin[waiting], end[waiting] - 1)]
        there = stock.launch_day[found] <= day[waiting]
        item[waiting[there]] = found[there]
        waiting = waiting[~there]
    return item


def _hot(rng: np.random.Generator, spec: ShopSpec, stock: Stock, day: Ints) -> Ints:
    """What everybody looks at this week."""
    weeks = range(0, spec.days, 7)
    on_sale = [np.flatnonzero(stock.launch_day <= first_day) for first_day in weeks]
    hot = np.stack([rng.choice(items, N_HOT) for items in on_sale])
    return hot[day // 7, np.minimum(rng.geometric(0.2, len(day)) - 1, N_HOT - 1)]
