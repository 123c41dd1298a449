"""Team-draft interleaving: two rankers fill one list in turn, and clicks tell who did better.

As captains pick players: in each round chance says who picks first, and each adds the best of its
list that is not there yet. Whoever's items are clicked more wins the list. Every visitor compares
both, so that it takes far fewer of them than an A/B test. Radlinski, Kurup and Joachims, "How Does
Clickthrough Data Reflect Retrieval Quality?", CIKM 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.experiments.sequential import half_width

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from random import Random

A, B = "a", "b"


class Drafted(NamedTuple):
    """An interleaved list, and who picked each of its items: ``a`` or ``b``."""

    items: tuple[str, ...]
    teams: tuple[str, ...]


class Preference(NamedTuple):
    """Who is preferred.

    wins_a, wins_b, ties  lists
    mean       of +1 for a list that a won and -1 for one that b won, over all lists
    low, high  of the mean, at all looks together
    p          of the sign test, for one look: lists that somebody won, against a fair coin
    """

    wins_a: int
    wins_b: int
    ties: int
    mean: float
    low: float
    high: float
    p: float


def team_draft(one: Sequence[str], other: Sequence[str], n: int, chance: Random) -> Drafted:
    """Interleave two lists, best first, into one of at most `n` items, none of them twice."""
    items: dict[str, str] = {}
    lists = {A: iter(one), B: iter(other)}
    while len(items) < n:
        before = len(items)
        for team in chance.sample((A, B), 2):
            best = next((item for item in lists[team] if item not in items), None)
            if best is not None and len(items) < n:
                items[best] = team
        if len(items) == before:
            break  # both have nothing left
    return Drafted(tuple(items), tuple(items.values()))


def winner(drafted: Drafted, clicked: Collection[str]) -> int:
    """Return +1 where a list's clicks prefer a, -1 for b, 0 for a tie."""
    teams = dict(zip(drafted.items, drafted.teams, strict=True))
    score = sum(1 if teams[item] == A else -1 for item in set(clicked) if item in teams)
    return int(np.sign(score))


def preference(
    winners: Sequence[int], planned_lists: int = 1_000, alpha: float = 0.05
) -> Preference:
    """Sum up who won each list: +1, -1, 0. Lists must not depend on each other."""
    from scipy.stats import binomtest

    won = np.array(winners, dtype=np.float64)
    wins_a, wins_b = int((won > 0).sum()), int((won < 0).sum())
    n, decided = len(won), wins_a + wins_b
    p = float(binomtest(wins_a, decided).pvalue) if decided else 1.0
    mean = float(won.mean()) if n else 0.0
    variance = float(won.var(ddof=1)) if n > 1 else 0.0
    half = float(half_width(variance / n, variance / planned_lists, alpha)) if variance else 2.0
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return Preference(wins_a, wins_b, n - decided, mean, low, high, p)
