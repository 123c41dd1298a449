"""Item kNN is cosine with shrinkage, over weighted users."""

import numpy as np
import pytest

from recomart.models import Interactions
from recomart.models.itemknn import ItemKNN, ItemKNNConfig
from recomart.testing.recommenders import ExactRecommenderTests, random_shop

MUG, PEN, HAT, CAP = range(4)


class TestItemKNN(ExactRecommenderTests):
    def make(self):
        return ItemKNN()


class TestItemKNNWithBM25(ExactRecommenderTests):
    def make(self):
        return ItemKNN(ItemKNNConfig(weighting="bm25", shrinkage=10.0))


def naive(weights, config):
    w = weights.toarray().astype(np.float64)
    w[w > 0] **= config.strength_exponent
    a = weighted(w, config.weighting)
    norms = np.linalg.norm(a, axis=0)
    similarity = a.T @ a / np.maximum(np.outer(norms, norms) + config.shrinkage, 1e-300)
    np.fill_diagonal(similarity, 0)
    return similarity


def weighted(w, weighting):
    idf = 1 + np.log(w.shape[1] / np.maximum((w > 0).sum(axis=1, keepdims=True), 1))
    if weighting == "unit":
        return w / np.maximum(np.linalg.norm(w, axis=1, keepdims=True), 1e-300)
    if weighting == "tfidf":
        return np.sqrt(w) * idf
    if weighting == "bm25":
        length = w.sum(axis=0)
        return idf * w * 2.2 / (w + 1.2 * (0.25 + 0.75 * length / length.mean()))
    return w


@pytest.mark.parametrize("weighting", ["none", "unit", "tfidf", "bm25"])
@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_the_weights_are_those_of_the_formula(weighting, shrinkage):
    config = ItemKNNConfig(neighbours=50, weighting=weighting, shrinkage=shrinkage)
    shop = random_shop(seed=4)

    fitted = ItemKNN(config).fit(Interactions.from_weights(shop))

    np.testing.assert_allclose(fitted.weights_.toarray(), naive(shop, config), rtol=1e-4, atol=1e-6)


def test_mug_and_pen_by_hand(tiny):
    # binary columns: mug (1, 1, 1), pen (1, 1, 0), hat (0, 1, 0)
    weights = (
        ItemKNN(ItemKNNConfig(strength_exponent=0, shrinkage=0, weighting="none"))
        .fit(tiny)
        .weights_.toarray()
    )

    assert weights[MUG, PEN] == pytest.approx(2 / np.sqrt(6))
    assert weights[HAT, PEN] == pytest.approx(1 / np.sqrt(2))


def test_an_item_that_nobody_has_is_near_to_none(tiny):
    weights = ItemKNN().fit(tiny).weights_.toarray()

    assert not weights[CAP].any()
    assert not weights[:, CAP].any()
