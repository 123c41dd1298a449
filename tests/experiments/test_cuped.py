"""CUPED takes noise away, and nothing else."""

import numpy as np

from recomart.experiments.cuped import adjusted


def made(rng, n=4_000, effect=0.5):
    before = rng.gamma(2, 1, n)
    groups = rng.integers(0, 2, n)
    return before * 2 + effect * groups + rng.normal(0, 1, n), before[:, None], groups


def difference(y, groups):
    return y[groups == 1].mean() - y[groups == 0].mean()


def test_the_variance_falls_by_what_is_explained_and_the_mean_stays(rng):
    y, x, groups = made(rng)
    rest, explained = adjusted(y, x, groups)

    assert abs(explained - 8 / 9) < 0.02  # 2² · var 2 of it, 1 beside
    assert abs(rest[groups == 0].var() / y[groups == 0].var() - (1 - explained)) < 0.02
    assert np.isclose(rest.mean(), y.mean())


def test_the_difference_is_unbiased(rng):
    found = []
    for _ in range(300):
        y, x, groups = made(rng, 400)
        found.append(difference(adjusted(y, x, groups)[0], groups))

    assert abs(np.mean(found) - 0.5) < 3 * np.std(found) / 300**0.5


def test_what_explains_nothing_changes_nothing(rng):
    y, x, groups = made(rng)

    assert adjusted(y, np.empty((len(y), 0)), groups)[1] == 0
    assert adjusted(y, np.zeros_like(x), groups)[1] < 1e-9
    assert np.array_equal(adjusted(np.ones(9), x[:9], groups[:9])[0], np.ones(9))
    assert adjusted(np.empty(0), np.empty((0, 2)), np.empty(0, dtype=int))[1] == 0
