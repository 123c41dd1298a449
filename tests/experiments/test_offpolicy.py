"""Off-policy estimates find a truth that the log itself does not show."""

import numpy as np
import pytest

from recomart.errors import BadInputError
from recomart.experiments.offpolicy import doubly_robust, ips, snips, weights
from tests.experiments.simulator import Window


def estimated(window, n, model=None, wrong=1.0):
    """All three; `model`: what is expected of each kind and item; `wrong` bends propensities."""
    kinds, items, rewards = window.rounds(n)
    logged = window.logging[kinds, items]
    w = weights(np.minimum(logged * wrong, 1), window.policy[kinds, items])
    model = np.zeros_like(window.rates) if model is None else model
    expected = (window.policy * model).sum(axis=1)[kinds]
    dr = doubly_robust(rewards, w, model[kinds, items], expected)
    return {one.method: one for one in (ips(rewards, w), snips(rewards, w), dr)}


def test_each_finds_the_truth_and_the_mean_of_the_log_does_not(rng):
    window = Window(rng)
    found = estimated(window, 200_000, window.rates)

    assert abs(window.logged - window.truth) > 0.02
    for one in found.values():
        assert one.low < window.truth < one.high
        assert one.high - one.low < 0.01


def test_intervals_cover_as_often_as_they_say(rng):
    window, n = Window(rng), 400
    covered = dict.fromkeys(("IPS", "SNIPS", "DR"), 0)
    for _ in range(n):
        for name, one in estimated(window, 3_000, window.rates).items():
            covered[name] += one.low <= window.truth <= one.high

    assert all(0.92 < hits / n < 0.98 for hits in covered.values()), covered


def test_doubly_robust_needs_only_one_of_both_to_be_right(rng):
    window = Window(rng)
    bad = np.full_like(window.rates, 0.9)
    by_propensity = estimated(window, 100_000, bad)["DR"]
    by_model = estimated(window, 100_000, window.rates, wrong=1.4)

    assert abs(by_propensity.value - window.truth) < 0.01
    assert abs(by_model["DR"].value - window.truth) < 0.005
    assert abs(by_model["IPS"].value - window.truth) > 0.02


def test_a_good_model_takes_variance_away(rng):
    window = Window(rng)
    plain, modelled = (estimated(window, 20_000, m)["DR"] for m in (None, window.rates))

    assert modelled.high - modelled.low < plain.high - plain.low


def test_the_policy_of_the_log_earns_what_the_log_says(rng):
    rewards, p = rng.random(100), rng.random(100) * 0.9 + 0.05
    w = weights(p, p)

    assert ips(rewards, w).value == snips(rewards, w).value == pytest.approx(rewards.mean())
    assert ips(rewards, w).effective == 100


def test_weights_are_cut_off_where_asked():
    assert weights(np.array([0.01]), np.array([0.9]), most=5).tolist() == [5.0]


@pytest.mark.parametrize("logged", [[0.0], [-0.1], [1.1], [np.nan], []])
def test_a_propensity_that_is_none_is_refused(logged):
    with pytest.raises(BadInputError, match="logged propensity is not a probability"):
        weights(np.array(logged), np.array(logged))


def test_a_policy_that_shows_nothing_of_the_log_is_told():
    found = snips(np.ones(5), weights(np.full(5, 0.5), np.zeros(5)))

    assert np.isnan(found.value)
    assert found.effective == 0
