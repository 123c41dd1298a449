"""What holds for every model of ratings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.errors import ArtefactError, BadInputError, NotFittedError
from recomart.evaluation.metrics import rmse
from recomart.models.explicit import BPMF, SVD, BPMFConfig, Ratings, SVDConfig
from recomart.models.explicit.descent import Descent, DescentConfig, Samples

MAKERS = {
    "svd": lambda: SVD(SVDConfig(embedding_size=4, learning_rate=0.02, epochs=60)),
    "biases": lambda: SVD(SVDConfig(embedding_size=0)),
    "bpmf": lambda: BPMF(BPMFConfig(embedding_size=3, burn_in=10, samples=20)),
}
everyone = pytest.mark.parametrize("make", [pytest.param(m, id=n) for n, m in MAKERS.items()])


def answers(model, ratings):
    """Every pair, unknown ones too."""
    pairs = np.meshgrid(np.arange(-1, ratings.n_users), np.arange(-1, ratings.n_items))
    return model.predict(*(side.ravel() for side in pairs))


@everyone
def test_the_same_is_learned_from_the_same(make, ratings):
    one, other = (answers(make().fit(ratings), ratings) for _ in range(2))

    assert one.tobytes() == other.tobytes()


@everyone
def test_another_id_map_changes_nothing(make, ratings, rng):
    users, items = (rng.permutation(n).astype(np.int32) for n in (40, 30))
    renamed = replace(ratings, users=users[ratings.users], items=items[ratings.items])

    one = make().fit(ratings).predict(ratings.users, ratings.items)
    other = make().fit(renamed).predict(renamed.users, renamed.items)

    np.testing.assert_allclose(one, other, rtol=1e-5)


@everyone
def test_predictions_lie_within_the_ratings(make, ratings):
    predicted = answers(make().fit(ratings), ratings)

    assert predicted.dtype == np.float64
    assert ratings.values.min() <= predicted.min()
    assert predicted.max() <= ratings.values.max()


@everyone
def test_it_comes_back_from_its_arrays_bit_for_bit(make, ratings):
    model = make().fit(ratings)

    loaded = type(model).from_arrays(model.config, model.arrays())

    assert answers(loaded, ratings).tobytes() == answers(model, ratings).tobytes()


@everyone
def test_a_second_fit_starts_afresh(make, ratings):
    refitted = make().fit(ratings[:50]).fit(ratings)

    assert answers(refitted, ratings).tobytes() == answers(make().fit(ratings), ratings).tobytes()


@pytest.mark.parametrize("name", ["svd", "bpmf"])
def test_tastes_are_found_that_biases_do_not_tell(name, ratings):
    train, test = ratings[:600], ratings[600:]
    errors = {
        each: rmse(MAKERS[each]().fit(train).predict(test.users, test.items), test.values)
        for each in (name, "biases")
    }

    assert errors[name] < 0.6 * errors["biases"]


@everyone
@pytest.mark.parametrize(
    ("users", "items", "values"),
    [
        pytest.param([0], [0], [4.0], id="one rating"),
        pytest.param([0] * 9, range(9), [1, 2, 3, 4, 5, 4, 3, 2, 1], id="one user"),
        pytest.param(range(9), [0] * 9, [1, 2, 3, 4, 5, 4, 3, 2, 1], id="one item"),
        pytest.param([1] * 9, [1] * 9, [1, 2, 3, 4, 5, 4, 3, 2, 1], id="one pair"),
        pytest.param([0, 0, 1], [0, 1, 0], [0.1, 0.1, 0.1], id="all the same"),
    ],
)
def test_little_is_enough(make, users, items, values):
    ratings = Ratings.of(list(users), list(items), values)
    predicted = answers(make().fit(ratings), ratings)

    assert np.isfinite(predicted).all()
    assert min(values) <= predicted.min() <= predicted.max() <= max(values)


@everyone
def test_no_ratings_are_too_few(make):
    with pytest.raises(BadInputError, match="no ratings"):
        make().fit(Ratings.of([], [], []))


@everyone
@pytest.mark.parametrize(("user", "item"), [(40, 0), (0, 30), (-2, 0), (0, -2), (0.0, 0)])
def test_an_index_that_is_none_is_refused(make, ratings, user, item):
    model = make().fit(ratings)

    with pytest.raises(BadInputError):
        model.predict(np.array([user]), np.array([item]))


@everyone
def test_it_says_that_it_is_not_fitted(make):
    with pytest.raises(NotFittedError):
        make().predict(np.array([0]), np.array([0]))
    with pytest.raises(NotFittedError):
        make().arrays()


@everyone
def test_whom_nobody_heard_of_is_given_what_is_usual(make, ratings):
    wider = replace(ratings, n_users=41, n_items=31)
    model = make().fit(wider)
    items = np.arange(-1, 31)

    no_ratings, unknown = (model.predict(np.full(32, user), items) for user in (40, -1))

    assert (no_ratings == unknown).all()
    assert model.predict(np.array([-1]), np.array([-1]))[0] == pytest.approx(
        ratings.values.mean(), abs=0.3
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"users": None},
        {"users": np.zeros((3, 4), np.float64)},
        {"users": np.zeros((3, 5), np.float32)},
        {"users": np.zeros((0, 4), np.float32)},
        {"items": np.full((3, 4), np.nan, np.float32)},
        {"level": np.array([0.0, 1.0, 5.0])},
        {"level": np.zeros(2)},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes):
    sides = {name: np.zeros((3, 4), np.float32) for name in ("users", "items")}

    with pytest.raises(ArtefactError):
        SVD.from_arrays(SVDConfig(), {**sides, "level": np.array([3.0, 1.0, 5.0]), **changes})


def test_a_batch_of_one_is_the_rule_of_the_paper():
    config = DescentConfig(embedding_size=2, learning_rate=0.1, regularisation=0.3)
    descent = Descent(config, np.array([0]), np.array([0]), (1, 1))
    x, y = descent.users[0, :2].copy(), descent.items[0, :2].copy()
    descent.epoch(Samples(np.array([0]), np.array([0]), np.array([0.7], np.float32)))
    error = 0.7 - x @ y

    np.testing.assert_allclose(descent.users[0, :2], x + 0.1 * (error * y - 0.3 * x), rtol=1e-5)
    np.testing.assert_allclose(descent.items[0, :2], y + 0.1 * (error * x - 0.3 * y), rtol=1e-5)
    np.testing.assert_allclose(descent.users[0, 2:], [0.1 * error, 1], rtol=1e-5)
    np.testing.assert_allclose(descent.items[0, 2:], [1, 0.1 * error], rtol=1e-5)


def test_ratings_that_lead_nowhere_are_refused(ratings):
    with pytest.raises(BadInputError, match="learning_rate"):
        SVD().fit(replace(ratings, values=1e6 * ratings.values))


@given(st.floats(-5, 5), st.floats(0.01, 1e4))
@settings(max_examples=10)
def test_bpmf_does_not_mind_the_units(ratings, shift, scale):
    make = MAKERS["bpmf"]
    moved = replace(ratings, values=scale * (ratings.values + shift))

    expected = scale * (answers(make().fit(ratings), ratings) + shift)

    found = answers(make().fit(moved), moved)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * scale)
