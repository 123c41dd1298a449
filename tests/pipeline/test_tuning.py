"""The search looks before the test window only, within its budget, and says what to write."""

import numpy as np
import pytest

from recomart.errors import BadInputError, MissingExtraError, NotFoundError
from recomart.evaluation import tuning
from recomart.evaluation.tuning import SPACES, some_users, tune
from recomart.models.interactions import Interactions
from recomart.models.registry import MODELS
from recomart.pipeline import run
from recomart.pipeline.runner import open_bench
from recomart.settings import load_settings
from recomart.testing.recommenders import random_shop
from tests.pipeline.conftest import SETTINGS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, shop_files, pandas_allowed):
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded, ["ingest", "validate", "prepare"])
    return loaded


def search(loaded, name, n_trials=6, seconds=None):
    told = []
    with open_bench(loaded, "train") as bench:
        return tune(bench, name, n_trials, seconds, told.append), told


def test_the_best_is_no_worse_than_the_settings_and_the_same_each_time(prepared):
    found, told = search(prepared, "rp3beta")
    again, _ = search(prepared, "rp3beta")

    assert found.best.ndcg >= found.default
    assert found == again
    assert [trial.number for trial in told] == list(range(6))
    assert set(found.trials[0].options) == set(SPACES["rp3beta"])


def test_it_never_looks_into_the_test_window(prepared, monkeypatch):
    asked, real = [], tuning.ask

    def spied(data, known, until_us, *args):
        asked.append((known.now_us, until_us))
        return real(data, known, until_us, *args)

    monkeypatch.setattr(tuning, "ask", spied)
    search(prepared, "popularity", 1)
    with open_bench(prepared, "train") as bench:
        data = tuning.read_events(bench)
    cut_us = tuning.cut_moment(data, prepared.settings.evaluation)

    assert asked[0][0] < asked[0][1] == cut_us


def test_time_is_a_budget_too(prepared):
    assert len(search(prepared, "popularity", 1_000, seconds=0.2)[0].trials) < 1_000


def test_bad_trials_are_given_up(prepared):
    found, _ = search(prepared, "cooccurrence", 30)

    assert any(trial.ndcg is None for trial in found.trials)


def test_what_cannot_be_tuned_is_named(prepared):
    with pytest.raises(NotFoundError, match="rp3"):
        search(prepared, "rp3")
    with pytest.raises(BadInputError, match="trending"):
        search(prepared, "trending")


def test_without_the_extra_it_says_what_to_install(prepared, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)

    with pytest.raises(MissingExtraError, match="optuna"):
        search(prepared, "rp3beta", 1)


@pytest.mark.parametrize("name", SPACES)
def test_every_option_that_is_searched_is_one_of_the_model_within_its_bounds(name):
    for option, span in SPACES[name].items():
        for edge in span:
            assert getattr(MODELS[name].configure({option: edge}), option) == edge


def test_a_part_of_the_users_keeps_their_whole_histories():
    whole = Interactions.from_weights(random_shop(seed=2))
    part = some_users(whole, 0.3, 1)
    kept = np.flatnonzero(np.diff(part.weights.indptr))

    assert 0 < len(kept) < 100
    assert (part.weights[kept] != whole.weights[kept]).nnz == 0
