"""iALS solves its own formula, and folds in whom it has not seen."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import ArtefactError
from recomart.models import Interactions
from recomart.models.ials import IALS, IALSConfig
from recomart.models.least_squares import Ridge, Side, solve
from recomart.testing.recommenders import RecommenderTests, random_shop


class TestIALS(RecommenderTests):
    def make(self):
        return IALS()


class TestIALSWithStrengths(RecommenderTests):
    def make(self):
        return IALS(IALSConfig(embedding_size=3, strength_exponent=1.0, frequency_exponent=0.0))


def loss_of_row(x, weights, vectors, ridge):
    """The formula for one row."""
    n_entries = (weights > 0).sum()
    fit = (weights * (vectors @ x - 1) ** 2).sum()
    unobserved = ridge.unobserved_weight * ((vectors @ x) ** 2).sum()
    frequency = n_entries + ridge.unobserved_weight * len(vectors)
    return fit + unobserved + ridge.regularisation * frequency**ridge.frequency_exponent * (x @ x)


@pytest.mark.parametrize("size", [2, 40])
def test_a_row_is_solved_where_its_loss_is_least(size, rng):
    # 2: more entries than unknowns; 40: fewer, so that both ways of solving are met
    ridge = Ridge(unobserved_weight=0.1, regularisation=0.05, frequency_exponent=0.5)
    weights = random_shop(seed=5)
    side = Side.of(rng.standard_normal((50, size)).astype(np.float32), ridge)
    row = weights.toarray()[0]

    answer = solve(weights, side)[0]

    best = loss_of_row(answer, row, side.vectors, ridge)
    for _ in range(20):
        step = 0.01 * rng.standard_normal(size)
        assert loss_of_row(answer + step, row, side.vectors, ridge) > best


@pytest.mark.parametrize("size", [2, 7, 40])
def test_the_answers_are_those_of_the_normal_equations(size, rng):
    ridge = Ridge(unobserved_weight=0.1, regularisation=0.05, frequency_exponent=1.0)
    weights = random_shop(seed=6)
    side = Side.of(rng.standard_normal((50, size)).astype(np.float32), ridge)
    y = side.vectors.astype(np.float64)

    answers = solve(weights, side)

    for row, c in enumerate(weights.toarray().astype(np.float64)):
        frequency = (c > 0).sum() + 0.1 * 50
        normal = y.T @ (y * c[:, None]) + 0.1 * y.T @ y + 0.05 * frequency * np.eye(size)
        expected = np.linalg.solve(normal, y.T @ c)
        np.testing.assert_allclose(answers[row], expected, rtol=2e-3, atol=2e-4)


def test_the_basis_of_the_gramian_changes_no_score(rng):
    vectors = rng.standard_normal((30, 8)).astype(np.float32)
    turned = Side.of(vectors, Ridge(0.1, 0.1, 1.0)).vectors

    np.testing.assert_allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-4)
    gramian = turned.T @ turned
    np.testing.assert_allclose(gramian - np.diag(np.diag(gramian)), 0, atol=1e-3)


def two_tastes():
    """Ten users take from items 0-4, ten from 5-9; one item of its five is missing to each."""
    weights = np.zeros((20, 10), dtype=np.float32)
    weights[:10, :5], weights[10:, 5:] = 1, 1
    weights[np.arange(10), np.arange(10) % 5] = 0
    weights[np.arange(10, 20), 5 + np.arange(10) % 5] = 0
    return csr_array(weights)


def test_it_finds_the_missing_item_of_a_taste():
    shop = two_tastes()
    model = IALS(IALSConfig(embedding_size=4)).fit(Interactions.from_weights(shop))

    first = model.recommend(shop, n=1).items[:, 0]

    assert first.tolist() == [*range(5), *range(5), *range(5, 10), *range(5, 10)]


def test_a_visitor_it_has_not_seen_is_folded_in():
    model = IALS(IALSConfig(embedding_size=2)).fit(Interactions.from_weights(two_tastes()))
    visitor = csr_array(([1.0], ([0], [7])), shape=(1, 10))

    assert set(model.recommend(visitor, n=4).items[0]) == {5, 6, 8, 9}
    assert set(model.similar_items(np.array([7], dtype=np.int32), n=4).items[0]) == {5, 6, 8, 9}


def test_contributions_sum_to_the_score():
    shop = random_shop(seed=9)
    model = IALS(IALSConfig(embedding_size=8, strength_exponent=0.5))
    model.fit(Interactions.from_weights(shop))
    history = shop[[int(np.argmax(np.diff(shop.indptr)))]]

    for item in range(5):
        parts = model.contributions(history, item)

        assert parts.sum() == pytest.approx(model.scores(history)[0, item], rel=1e-3, abs=1e-4)


def test_a_known_user_is_solved_as_in_the_fit():
    # the vector of a history is the minimum of the loss that the configuration names
    shop = random_shop(seed=11)
    model = IALS(IALSConfig(embedding_size=6, regularisation=0.02, unobserved_weight=0.3))
    model.fit(Interactions.from_weights(shop))
    y, c = model.items_.astype(np.float64), (shop.toarray()[0] > 0).astype(np.float64)

    normal = y.T @ (y * c[:, None]) + 0.3 * y.T @ y + 0.02 * (c.sum() + 0.3 * 50) * np.eye(6)

    np.testing.assert_allclose(
        model.taste(shop[[0]])[0], np.linalg.solve(normal, y.T @ c), rtol=1e-3, atol=1e-4
    )


def test_the_weight_of_the_unobserved_follows_the_size_of_the_catalogue():
    # fifty items: the default is 1 each, as if given
    interactions = Interactions.from_weights(random_shop(seed=12))
    default = IALS().fit(interactions)
    given = IALS(IALSConfig(unobserved_weight=1.0)).fit(interactions)

    assert (default.items_ == given.items_).all()


def test_an_item_that_nobody_took_gets_no_opinion(tiny):
    model = IALS(IALSConfig(embedding_size=2)).fit(tiny)

    assert np.isneginf(model.scores(tiny.weights)[:, 3]).all()


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"items": np.zeros((4, 2), np.float32)},
        {"items": np.zeros((4, 3), np.float32), "spectrum": np.zeros(3, np.float32)},
        {"items": np.zeros((4, 2), np.float64), "spectrum": np.zeros(2, np.float32)},
        {"items": np.full((4, 2), np.nan, np.float32), "spectrum": np.zeros(2, np.float32)},
        {"items": np.zeros((4, 2), np.float32), "spectrum": -np.ones(2, np.float32)},
    ],
)
def test_vectors_that_do_not_fit_together_are_refused(arrays):
    with pytest.raises(ArtefactError):
        IALS.from_arrays(IALSConfig(embedding_size=2), arrays)
