"""The graph filter is the sum of its two filters."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import ArtefactError
from recomart.models import Interactions
from recomart.models.graphfilter import GraphFilter, GraphFilterConfig, leading_vectors
from recomart.testing.recommenders import RecommenderTests, random_shop


class TestGraphFilter(RecommenderTests):
    def make(self):
        return GraphFilter()


def naive(weights, config):
    """The formula, dense, with exact singular vectors."""
    taken = (weights.toarray() > 0).astype(float)
    users, items = taken.sum(axis=1), taken.sum(axis=0)
    scale = [np.divide(1, np.sqrt(d), where=d > 0, out=np.zeros_like(d)) for d in (users, items)]
    normal = scale[0][:, None] * taken * scale[1]
    linear = normal.T @ normal
    np.fill_diagonal(linear, 0)
    vectors = np.linalg.svd(normal)[2][: config.embedding_size]
    smooth = scale[1][:, None] * (vectors.T @ vectors) * np.sqrt(items)
    scores = taken @ (linear + config.low_pass * smooth)
    scores[:, items == 0] = -np.inf
    return scores


@pytest.mark.parametrize("low_pass", [0.0, 0.3])
def test_scores_are_those_of_the_formula(low_pass):
    config = GraphFilterConfig(embedding_size=50, neighbours=50, low_pass=low_pass)
    shop = random_shop(seed=3)
    history = csr_array(shop[np.diff(shop.indptr) > 0])
    scores = GraphFilter(config).fit(Interactions.from_weights(shop)).scores(history)
    expected = naive(shop, config)[np.diff(shop.indptr) > 0]

    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_the_search_finds_the_leading_vectors():
    shop = random_shop(seed=5)
    found = leading_vectors(shop, 4, 30, 7)
    exact = np.linalg.svd(shop.toarray())[2][:4]

    np.testing.assert_allclose(np.abs(np.sum(found.T * exact, axis=1)), 1, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": np.zeros((2, 3), np.float32)},
        {"degree": np.array([-1.0], np.float32)},
        {"vectors": None},
    ],
)
def test_arrays_of_another_shape_are_refused(change):
    arrays = GraphFilter().fit(Interactions.from_weights(random_shop(seed=3))).arrays()

    with pytest.raises(ArtefactError):
        GraphFilter.from_arrays(GraphFilterConfig(), {**arrays, **change})
