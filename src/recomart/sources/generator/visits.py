"""When the users of a made shop come, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.sources.generator.spec import ShopSpec

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

DAY_MS = 86_400_000
LONGEST = 60  # touches of a session; with gaps of LONGEST_GAP_MS still shorter than a day
LONGEST_GAP_MS = 20 * 60_000
CHECKOUT_MS = 45_000

HOURS = np.array([3, 2, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 11, 9, 9, 10, 11, 13, 16, 18, 16, 11, 6])
WEEKDAYS = np.array([1.0, 0.96, 0.97, 1.0, 1.05, 1.28, 1.35])  # Monday first


@dataclass(frozen=True, slots=True)
class Visits:
    """Sessions and the touches in them.

    user     of each session
    day      of each session, from the start of the shop
    end_ms   of each session: when what is bought is paid
    session  of each touch, rising
    time_ms  of each touch
    """

    user: Ints
    day: Ints
    end_ms: Ints
    session: Ints
    time_ms: Ints

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether a touch is the first of its session."""
        return np.concatenate([[True], self.session[1:] != self.session[:-1]])


def make_visits(spec: ShopSpec, n_touches: int, session_length: float) -> Visits:
    """Make sessions that hold at least `n_touches` touches; every user comes once if there is room.

    Activity has a long tail. The shop grows, weekends and evenings are busier,
    and users join over time, more of them early.
    """
    rng = np.random.default_rng([spec.seed, 3])
    mean = max(1.0, min(session_length, n_touches / (1.15 * spec.n_users)))
    length = np.minimum(rng.geometric(1 / mean, int(n_touches / mean * 1.15) + 64), LONGEST)
    length = length[: int(np.searchsorted(length.cumsum(), n_touches)) + 1]
    user, when = _who_and_when(rng, spec.n_users, len(length))
    session = np.repeat(np.arange(len(length)), length)
    gap = np.minimum(rng.lognormal(10.6, 0.9, len(session)), LONGEST_GAP_MS).astype(np.int64)
    total = gap.cumsum()
    ends = length.cumsum()
    before = (total - gap)[ends - length]
    start = _starts(rng, spec, when)
    lasts = total[ends - 1] - before + CHECKOUT_MS
    start = np.minimum(start, spec.start_ms + spec.days * DAY_MS - lasts - 1_000)
    return Visits(
        user=user,
        day=(start - spec.start_ms) // DAY_MS,
        end_ms=start + lasts,
        session=session,
        time_ms=(start - before)[session] + total - gap,
    )


def _who_and_when(rng: np.random.Generator, n_users: int, n_sessions: int) -> tuple[Ints, Floats]:
    """User of each session, and its place in the period (0 to 1): never before the user joined."""
    joined = np.maximum(0.0, 3 * rng.random(n_users) - 2)  # most were there before
    firsts = rng.permutation(n_users)[:n_sessions]
    activity = ((1 - joined) * np.minimum(rng.pareto(1.4, n_users), n_users / 60 + 1)).cumsum()
    draws = rng.random(n_sessions - len(firsts)) * activity[-1]
    chosen = np.searchsorted(activity, draws, side="right")
    user = np.minimum(np.concatenate([firsts, chosen]), n_users - 1)
    return user, joined[user] + (1 - joined[user]) * rng.random(n_sessions)


def _starts(rng: np.random.Generator, spec: ShopSpec, when: Floats) -> Ints:
    """Instant of each session: a day by trend and weekday, an hour by the time of day."""
    day = np.arange(spec.days)
    weekday = WEEKDAYS[(day + spec.start.weekday()) % 7]
    busy = (1 + 0.3 * day / spec.days) * weekday * rng.lognormal(0.0, 0.06, spec.days)
    of_day = np.searchsorted(busy.cumsum() / busy.sum(), when, side="right")
    hour = np.searchsorted(HOURS.cumsum() / HOURS.sum(), rng.random(len(when)), side="right")
    within = rng.integers(0, 3_600_000, len(when))
    return spec.start_ms + np.minimum(of_day, spec.days - 1) * DAY_MS + hour * 3_600_000 + within
