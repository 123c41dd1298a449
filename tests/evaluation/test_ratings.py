"""Every rating is held out once, by a model that has not seen it; time is cut once for all."""

import numpy as np
import pytest

from recomart.errors import BadInputError
from recomart.evaluation.ratings import cross_validate, split_in_time
from recomart.models.explicit import SVD, Ratings, SVDConfig


def some(n=10, times=None):
    return Ratings(np.arange(n) % 3, np.arange(n), np.arange(n) % 5 + 1.0, 3, n, times)


class Recorder:
    """Predicts 0, and keeps what it was given."""

    seen: list

    def __init__(self, seen):
        self.seen = seen

    def fit(self, ratings):
        self.train = set(ratings.items.tolist())
        return self

    def predict(self, users, items):
        self.seen.append((self.train, items.tolist()))
        return np.zeros(len(users))


def test_each_rating_is_held_out_once():
    seen = []
    found = cross_validate(some(), lambda: Recorder(seen), n_folds=3)

    assert sorted(item for _, held in seen for item in held) == list(range(10))
    assert all(train == set(range(10)) - set(held) for train, held in seen)
    assert [(fold.n_train, fold.n_test) for fold in found.folds] == [(6, 4), (7, 3), (7, 3)]


def test_errors_are_means_over_folds():
    found = cross_validate(some(), lambda: Recorder([]), n_folds=5)

    assert found.rmse == pytest.approx(np.mean([fold.rmse for fold in found.folds]))
    assert found.mae == pytest.approx(3.0)


def test_folds_depend_on_the_seed_alone():
    one, other, third = (
        cross_validate(some(), lambda: SVD(SVDConfig(epochs=1)), seed=s) for s in (0, 0, 1)
    )

    assert one == other
    assert one != third


def test_a_repeated_rating_is_not_on_both_sides():
    twice = Ratings.of([0, 1, 0], [0, 0, 0], [1.0, 2.0, 3.0])
    found = cross_validate(twice, lambda: Recorder([]), n_folds=2)

    assert [fold.n_test for fold in found.folds] == [1, 1]


@pytest.mark.parametrize("n_folds", [0, 1, 11])
def test_folds_that_cannot_be_are_refused(n_folds):
    with pytest.raises(BadInputError):
        cross_validate(some(), SVD, n_folds)


def test_one_moment_cuts_time(rng):
    times = rng.permutation(10)
    train, test = split_in_time(some(times=times), 0.2)

    assert sorted(train.occurred_us) == list(range(8))
    assert sorted(test.occurred_us) == [8, 9]


def test_the_same_moment_is_on_one_side():
    train, test = split_in_time(some(times=np.array([1] * 3 + [2] * 7)), 0.2)

    assert (len(train), len(test)) == (3, 7)


@pytest.mark.parametrize(
    ("ratings", "share"),
    [
        (some(), 0.2),
        (some(times=np.arange(10)), 0.0),
        (some(times=np.arange(10)), 1.0),
        (some(times=np.zeros(10)), 0.2),
        (some(0, np.zeros(0)), 0.2),
    ],
)
def test_times_that_cannot_be_cut_are_refused(ratings, share):
    with pytest.raises(BadInputError):
        split_in_time(ratings, share)
