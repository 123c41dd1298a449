"""Always-valid intervals: looked at a hundred times, they are wrong no more often than they say."""

import numpy as np
import pytest
from scipy.stats import norm

from recomart.experiments.sequential import (
    LEAST_UNITS,
    Sample,
    compare,
    half_width,
    units_needed,
)

N_TESTS, N_UNITS, ALPHA = 2_000, 5_000, 0.05
LOOKS = np.unique(np.geomspace(LEAST_UNITS, N_UNITS, 100).astype(int))


def running(draws):
    """Mean and variance of a sample as it grows, at each look: shape (n_tests, n_looks)."""
    sums, squares = draws.cumsum(1)[:, LOOKS - 1], (draws * draws).cumsum(1)[:, LOOKS - 1]
    means = sums / LOOKS
    return means, (squares / LOOKS - means**2) * LOOKS / (LOOKS - 1)


def missed(rng, draw, effect=0.0, planned=2_000):
    """Share of simulated tests whose interval leaves out the truth at one look or more."""
    wrong = 0
    for _ in range(N_TESTS // 200):
        (a, va), (b, vb) = (running(draw(rng, (200, N_UNITS), by)) for by in (effect, 0.0))
        variance = np.maximum((va + vb) / LOOKS, 1e-12)
        half = half_width(variance, variance * 2 * LOOKS / planned, ALPHA)
        wrong += int((np.abs(a - b - effect) > half).any(axis=1).sum())
    return wrong / N_TESTS


def clicks(rng, shape, effect):
    return (rng.random(shape) < 0.05 + effect).astype(np.float64)


def money(rng, shape, effect):
    return (rng.random(shape) < 0.1) * rng.lognormal(0, 1, shape) + effect


def test_two_equal_variants_differ_by_mistake_within_the_bound(rng):
    """A/A: 2,000 tests, each looked at 100 times. Fixed intervals are wrong far more often."""
    fixed = 0
    for _ in range(N_TESTS // 200):
        (a, va), (b, vb) = (running(clicks(rng, (200, N_UNITS), 0)) for _ in "ab")
        half = norm.ppf(0.975) * np.sqrt((va + vb) / LOOKS)
        fixed += int((np.abs(a - b) > half).any(axis=1).sum())

    assert missed(rng, clicks) <= ALPHA
    assert fixed / N_TESTS > 4 * ALPHA


@pytest.mark.parametrize("planned", [500, 100_000])
def test_whatever_was_planned_it_holds(rng, planned):
    assert missed(rng, clicks, planned=planned) <= ALPHA


@pytest.mark.parametrize(("draw", "effect"), [(clicks, 0.02), (money, 0.3)])
def test_the_interval_covers_the_true_difference_at_all_looks(rng, draw, effect):
    assert missed(rng, draw, effect) <= ALPHA


def test_the_p_value_and_the_interval_say_the_same(rng):
    for effect in np.linspace(-0.3, 0.3, 41):
        samples = Sample(800, effect, 1.0), Sample(700, 0.0, 1.3)
        found = compare(*samples, 2_000, ALPHA)
        assert (found.p < ALPHA) == (found.low > 0 or found.high < 0)


def test_too_few_units_say_nothing():
    found = compare(Sample(99, 0.9, 0.1), Sample(500, 0.1, 0.1), 2_000, ALPHA)

    assert (found.low, found.high, found.p) == (-np.inf, np.inf, 1.0)


def test_nothing_varies_and_nobody_came():
    for one in (Sample(500, 0.0, 0.0), Sample(0, 0.0, 0.0)):
        assert compare(one, one, 2_000, ALPHA).p == 1.0
        assert units_needed(one, one, 0.1, 2_000, ALPHA) == np.inf


def test_so_many_units_as_are_needed_find_the_effect_four_times_of_five(rng):
    p, effect = 0.1, 0.04
    pilot = Sample(1_000, p, p * (1 - p))
    needed = int(units_needed(pilot, pilot, effect, 4_000, ALPHA) / 2)
    draws = [
        rng.binomial(needed, mean, 1_000) / needed for mean in (p + effect / 2, p - effect / 2)
    ]
    found = [
        compare(Sample(needed, a, a * (1 - a)), Sample(needed, b, b * (1 - b)), 4_000, ALPHA)
        for a, b in zip(*draws, strict=True)
    ]

    assert 0.75 < np.mean([one.low > 0 for one in found]) < 0.9
    assert units_needed(pilot, pilot, effect / 2, 4_000, ALPHA) > 3 * needed
