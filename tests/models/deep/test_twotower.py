"""Two towers learn tastes, know items by their content, and go on where they were killed."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, MissingExtraError
from recomart.models import Interactions
from recomart.models.artefact import load, save
from recomart.models.deep import training
from recomart.models.deep.configs import TwoTowerConfig
from recomart.models.deep.twotower import TwoTower
from recomart.testing.recommenders import RecommenderTests

pytestmark = pytest.mark.usefixtures("pandas_allowed")  # torch looks for it
TINY = TwoTowerConfig(
    embedding_size=8, epochs=3, negatives=32, batch_size=64, learning_rate=0.05, patience=9
)
N_USERS, N_ITEMS = 60, 20


class TestTwoTower(RecommenderTests):
    def make(self):
        return TwoTower(TINY)


def two_tastes(rng):
    """Half of the users take of the first ten items, half of the others; nobody takes 9 or 19."""
    weights = np.zeros((N_USERS, N_ITEMS), dtype=np.float32)
    for user in range(N_USERS):
        start = 10 * (user % 2)
        weights[user, start + rng.choice(9, 5, replace=False)] = 1
    return csr_array(weights)


def content():
    """Which of the two kinds an item is."""
    kinds = np.zeros((N_ITEMS, 2), dtype=np.float32)
    kinds[:10, 0] = kinds[10:, 1] = 1
    return csr_array(kinds)


def history(*items):
    row = np.zeros((1, N_ITEMS), dtype=np.float32)
    row[0, list(items)] = 1
    return csr_array(row)


def test_each_taste_gets_its_own_items(rng):
    config = TINY.model_copy(update={"epochs": 30})
    model = TwoTower(config).fit(Interactions.from_weights(two_tastes(rng)))

    assert (model.recommend(history(0, 1), 5).items < 9).all()
    assert (model.recommend(history(11, 12), 5).items > 9).all()


def test_an_item_that_nobody_took_is_known_by_its_content(rng):
    known = Interactions.from_weights(two_tastes(rng))
    config = TINY.model_copy(update={"epochs": 30})
    blind = TwoTower(config).fit(known)
    seeing = TwoTower(config).fit(known.with_content(content()))
    scores = seeing.scores(history(0, 1, 2))[0]

    assert np.isneginf(blind.scores(history(0))[0, [9, 19]]).all()
    assert scores[9] > scores[19]


def test_the_score_is_that_of_the_formula(rng):
    model = TwoTower(TINY).fit(Interactions.from_weights(two_tastes(rng)))
    pooled = model.vectors_[[0, 3]].sum(axis=0)
    norms = np.linalg.norm(model.vectors_[:9], axis=1) * np.linalg.norm(pooled)
    expected = model.vectors_[:9] @ pooled / norms

    scores = model.scores(history(0, 3))[0]
    np.testing.assert_allclose(scores[:9], expected + model.bias_[:9], rtol=1e-4, atol=1e-5)
    parts = model.contributions(history(0, 3), 5)
    assert parts.sum() == pytest.approx(scores[5] - model.bias_[5], rel=1e-3)


def test_a_fit_that_was_killed_goes_on_to_the_same_bytes(rng, tmp_path, monkeypatch):
    known = Interactions.from_weights(two_tastes(rng))
    whole = TwoTower(TINY).fit(known)
    keep, epochs = training.Trainer._keep, []

    def killed(self, *args):
        keep(self, *args)
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Trainer, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        TwoTower(TINY).fit(known, tmp_path)
    again = TwoTower(TINY).fit(known, tmp_path)

    assert len(epochs) == 3
    assert save(again) == save(whole)


def test_a_checkpoint_of_another_fit_is_refused(rng, tmp_path):
    known = Interactions.from_weights(two_tastes(rng))
    TwoTower(TINY).fit(known, tmp_path)

    with pytest.raises(ArtefactError, match="another fit"):
        TwoTower(TINY.model_copy(update={"seed": 5})).fit(known, tmp_path)


def test_it_stops_where_the_hold_out_gets_no_better(rng, monkeypatch):
    judged = []
    monkeypatch.setattr(
        "recomart.models.deep.towers.TowerFit.judge", lambda _: judged.append(0) or -len(judged)
    )
    config = TINY.model_copy(update={"epochs": 50, "patience": 2})
    TwoTower(config).fit(Interactions.from_weights(two_tastes(rng)))

    assert len(judged) == 3


def test_without_torch_it_cannot_learn_but_answers(rng, monkeypatch):
    known = Interactions.from_weights(two_tastes(rng))
    files = save(TwoTower(TINY).fit(known))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)

    with pytest.raises(MissingExtraError, match="torch") as raised:
        TwoTower(TINY).fit(known)
    assert "recomart[deep]" in raised.value.remedy
    assert load(files).recommend(history(0), 3).items.min() >= 0
