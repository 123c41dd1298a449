"""SVD as a retriever: a history is folded in by the formula, and its items explain the score."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import ArtefactError
from recomart.models import Interactions
from recomart.models.explicit.positives import PositivesConfig
from recomart.models.svd import SVDRecommender
from recomart.testing.recommenders import RecommenderTests, random_shop


class TestSVDRecommender(RecommenderTests):
    def make(self):
        return SVDRecommender()


class TestOnlyBiases(RecommenderTests):
    def make(self):
        return SVDRecommender(PositivesConfig(embedding_size=0, epochs=2))


@pytest.fixture(scope="module")
def shop():
    return random_shop(seed=9)


@pytest.fixture(scope="module")
def model(shop):
    config = PositivesConfig(embedding_size=6, epochs=5)
    return SVDRecommender(config).fit(Interactions.from_weights(shop))


def loss(solved, taken, model):
    """The formula for one history; `solved` is [x_u, b_u]."""
    config, items = model.config, model.items_.astype(np.float64)
    scores = config.mean + items @ np.append(solved, 1)
    n, k = taken.sum(), config.negatives
    negative = k * n / len(items) * (scores**2).sum()
    return (
        ((1 - scores[taken]) ** 2).sum()
        + negative
        + config.regularisation * n * (1 + k) * (solved @ solved)
    )


def test_a_history_is_solved_where_its_loss_is_least(model, shop, rng):
    taken = shop.toarray()[0] > 0
    solved = model.taste(shop[[0]])[0, :-1].astype(np.float64)

    best = loss(solved, taken, model)

    for _ in range(20):
        assert loss(solved + 0.01 * rng.standard_normal(7), taken, model) > best


def test_contributions_and_the_bias_sum_to_the_score(model, shop):
    history = shop[[int(np.argmax(np.diff(shop.indptr)))]]

    for item in range(5):
        parts = model.contributions(history, item)

        whole = parts.sum() + model.config.mean + model.items_[item, -1]
        assert whole == pytest.approx(model.scores(history)[0, item], rel=1e-4, abs=1e-5)


def test_without_a_history_what_is_popular_comes_first():
    weights = np.zeros((40, 4), dtype=np.float32)
    for item, n_takers in enumerate((5, 30, 0, 15)):
        weights[:n_takers, item] = 1
    model = SVDRecommender().fit(Interactions.from_weights(csr_array(weights)))

    top = model.recommend(csr_array((1, 4), dtype=np.float32), n=4)

    assert top.items[0].tolist() == [1, 3, 0, -1]  # nobody took the third


def test_it_finds_the_missing_item_of_a_taste():
    weights = np.zeros((20, 10), dtype=np.float32)
    weights[:10, :5], weights[10:, 5:] = 1, 1
    weights[np.arange(20), np.arange(20) % 5 + 5 * (np.arange(20) >= 10)] = 0
    shop = csr_array(weights)
    model = SVDRecommender(PositivesConfig(embedding_size=4, epochs=100))

    first = model.fit(Interactions.from_weights(shop)).recommend(shop, n=1).items[:, 0]

    assert first.tolist() == [*range(5), *range(5), *range(5, 10), *range(5, 10)]


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"items": np.ones((4, 4), np.float32)},
        {"items": np.ones((4, 4), np.float32), "heard": np.ones(3, bool)},
        {"items": np.ones((4, 4), np.float32), "heard": np.ones(4, np.int32)},
        {"items": np.ones((4, 3), np.float32), "heard": np.ones(4, bool)},
        {"items": np.ones((4, 4), np.float64), "heard": np.ones(4, bool)},
        {"items": np.zeros((4, 4), np.float32), "heard": np.ones(4, bool)},
        {"items": np.full((4, 4), np.nan, np.float32), "heard": np.ones(4, bool)},
    ],
)
def test_vectors_that_do_not_fit_are_refused(arrays):
    with pytest.raises(ArtefactError):
        SVDRecommender.from_arrays(PositivesConfig(embedding_size=2), arrays)
