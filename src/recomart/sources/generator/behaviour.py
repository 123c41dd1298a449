"""What the users of a made shop do: each touch of an item goes some way down the funnel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.sources.generator.tastes import touched_items
from recomart.sources.generator.visits import DAY_MS, Visits, make_visits
from recomart.vocabulary import ADD_TO_CART, CANCEL, CLICK, PURCHASE, VIEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.sources.generator.spec import ShopSpec
    from recomart.sources.generator.stock import Stock

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

STAGES = (VIEW, CLICK, ADD_TO_CART, PURCHASE, CANCEL)
"""Event types in the order of the funnel; `Events.stage` counts in it."""

CANCEL_DAYS = 5  # at most, after the purchase


@dataclass(frozen=True, slots=True)
class Funnel:
    """Chances of each next stage: to the user's taste, and otherwise. No clicks: none are noted."""

    session_length: float
    add_to_cart: tuple[float, float]
    purchase: tuple[float, float]
    click: tuple[float, float] | None = None
    cancel: float = 0.0


FUNNELS = {
    "basic": Funnel(6.0, (0.46, 0.22), (0.54, 0.40), click=(0.62, 0.34), cancel=0.02),
    "retailrocket": Funnel(2.2, (0.030, 0.016), (0.33, 0.31)),
}


@dataclass(frozen=True, slots=True)
class Events:
    """What happened, in order of time; arrays over events.

    user, item, session  indices
    stage                index into `STAGES`
    quantity             the same for cart, purchase and cancellation of a touch
    to_taste             whether the item is one that the user likes
    """

    user: Ints
    item: Ints
    session: Ints
    stage: Ints
    time_ms: Ints
    quantity: Ints
    is_mobile: Bools
    to_taste: Bools


def simulate(spec: ShopSpec, stock: Stock) -> Events:
    """Make exactly `spec.n_events` events."""
    rng = np.random.default_rng([spec.seed, 2])
    funnel = FUNNELS[spec.layout]
    visits = make_visits(spec, _touches_needed(spec.n_events, funnel), funnel.session_length)
    item, to_taste = touched_items(spec, stock, visits)
    reached = _reached(rng, funnel, to_taste, visits.day[visits.session] < spec.days - CANCEL_DAYS)
    touch, stage = np.nonzero(reached)
    touch, stage = touch[: spec.n_events], stage[: spec.n_events]
    time_ms = _times(rng, visits, touch, stage)
    order = np.argsort(time_ms, kind="stable")
    touch, session = touch[order], visits.session[touch[order]]
    quantity = np.minimum(rng.geometric(0.75, len(item)), 9)
    return Events(
        user=visits.user[session],
        item=item[touch],
        session=session,
        stage=stage[order],
        time_ms=time_ms[order],
        quantity=quantity[touch],
        is_mobile=(rng.random(len(visits.user)) < 0.58)[session],
        to_taste=to_taste[touch],
    )


def _touches_needed(n_events: int, funnel: Funnel) -> int:
    """Touches that bring `n_events` events: each is a view, and a third of them a click at least.

    Where the numbers are small, chance is not relied upon.
    """
    per_touch = 1.0 if funnel.click is None else 1.0 + funnel.click[1]
    return min(n_events, int(n_events / per_touch + 4 * n_events**0.5) + 1)


def _reached(rng: np.random.Generator, funnel: Funnel, to_taste: Bools, may_cancel: Bools) -> Bools:
    """Whether each touch reaches each stage, shape (n_touches, len(STAGES))."""
    n = len(to_taste)

    def passes(chances: tuple[float, float]) -> Bools:
        liked, other = chances
        passed: Bools = rng.random(n) < np.where(to_taste, liked, other)
        return passed

    reached = np.zeros((n, len(STAGES)), dtype=bool)
    reached[:, 0] = True
    clicked = np.ones(n, dtype=bool)
    if funnel.click is not None:
        clicked = reached[:, 1] = passes(funnel.click)
    reached[:, 2] = clicked & passes(funnel.add_to_cart)
    reached[:, 3] = reached[:, 2] & passes(funnel.purchase)
    reached[:, 4] = reached[:, 3] & may_cancel & passes((funnel.cancel, funnel.cancel))
    return reached


def _times(rng: np.random.Generator, visits: Visits, touch: Ints, stage: Ints) -> Ints:
    """Instant of each event: purchases at the end of the session, the rest within it."""
    moment = visits.time_ms[touch] + stage * rng.integers(500, 2_500, len(touch))
    paid = visits.end_ms[visits.session[touch]] + touch % 1_000  # no two at one instant
    regretted = paid + rng.integers(DAY_MS // 8, (CANCEL_DAYS - 1) * DAY_MS, len(touch))
    return np.where(stage == 3, paid, np.where(stage == 4, regretted, moment))
