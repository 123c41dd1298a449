"""Items alike by what they are: new items are found, and nothing else is said."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models import Interactions
from recomart.models import content as content_module
from recomart.models.content import Content, mapped
from recomart.models.ials import IALS, IALSConfig
from recomart.testing.recommenders import ExactRecommenderTests, random_shop

# mug, cup, new cup; pen, pencil, new pen; and a thing of which nothing is known
KINDS = csr_array(np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)[[0, 1, 2, 3, 4, 5, 5]])
WEIGHTS = csr_array(np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0]] * 5, dtype=np.float32))


class TestContent(ExactRecommenderTests):
    def make(self):
        return Content()

    @pytest.fixture
    def fitted(self, shop):
        features = random_shop(seed=9).T[:, :30].tocsr()
        return self.make().fit(Interactions.from_weights(shop).with_content(csr_array(features)))


@pytest.fixture
def kinds():
    kinds = KINDS.toarray()
    kinds[6] = 0
    return csr_array(kinds)


def history(*items):
    row = np.zeros((1, 7), dtype=np.float32)
    row[0, list(items)] = 1
    return csr_array(row)


def test_a_new_item_is_found_beside_its_kin(kinds):
    model = Content().fit(Interactions.from_weights(WEIGHTS).with_content(kinds))

    assert set(model.recommend(history(0, 1), 7).items[0].tolist()) == {2, -1}
    assert set(model.similar_items(np.array([5], dtype=np.int32), 2).items[0].tolist()) == {3, 4}


def test_without_content_there_is_no_opinion():
    model = Content().fit(Interactions.from_weights(WEIGHTS))

    assert (model.recommend(history(0), 3).items == -1).all()


def test_a_feature_of_most_items_compares_nothing(kinds, monkeypatch):
    monkeypatch.setattr(content_module, "MOST_ITEMS", 2)
    model = Content().fit(Interactions.from_weights(WEIGHTS).with_content(kinds))

    assert model.weights_.nnz == 0


def test_content_of_other_items_is_refused(kinds):
    with pytest.raises(BadInputError, match="7 items"):
        Interactions.from_weights(random_shop(seed=1)).with_content(kinds)


def test_ials_gives_a_new_item_the_vector_of_its_kind(kinds):
    known = Interactions.from_weights(WEIGHTS)
    config = IALSConfig(embedding_size=4)
    blind, seeing = IALS(config).fit(known), IALS(config).fit(known.with_content(kinds))
    scores = seeing.scores(history(0))[0]

    assert np.isneginf(blind.scores(history(0))[0, [2, 5, 6]]).all()
    assert scores[2] > scores[5]
    assert np.isneginf(scores[6])
    assert (blind.items_[[0, 1, 3, 4]] == seeing.items_[[0, 1, 3, 4]]).all()


def test_the_map_is_that_of_ridge_regression(rng):
    content = csr_array(random_shop(seed=4)[:40].astype(np.float32))
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    heard = np.arange(40) < 30
    dense, right = content.toarray()[heard], vectors[heard]
    exact = np.linalg.solve(dense.T @ dense + 0.5 * np.eye(50), dense.T @ right)

    found = mapped(content, vectors, heard, 0.5)
    np.testing.assert_allclose(found[~heard], content.toarray()[~heard] @ exact, atol=1e-4)
    assert (found[heard] == right).all()
