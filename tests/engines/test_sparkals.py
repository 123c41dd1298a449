"""ALS on Spark: MLlib's vectors, asked without Spark."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import StoreUnavailableError
from recomart.models import Interactions
from recomart.models.artefact import load, save
from recomart.models.registry import model_kind
from recomart.testing.recommenders import RecommenderTests, no_interactions, random_shop

SHOP = random_shop(seed=7)
OPTIONS = {"embedding_size": 8, "epochs": 3, "blocks": 2}


@pytest.fixture(scope="module")
def model(spark_engine):
    return model_kind("sparkals").make(OPTIONS).fit(Interactions.from_weights(SHOP))


def factors_of(spark_engine, model):
    """What MLlib itself finds: vectors of users and items by index."""
    from pyspark.ml.recommendation import ALS

    entries = SHOP.tocoo()
    rows = [(int(u), int(i), 1.0) for u, i in zip(entries.row, entries.col, strict=True)]
    frame = spark_engine.session.createDataFrame(rows, "user int, item int, rating float")
    config = model.config
    als = ALS(rank=8, maxIter=3, regParam=config.regularisation, alpha=config.alpha)
    als.setImplicitPrefs(True).setSeed(config.seed).setNumUserBlocks(2).setNumItemBlocks(2)
    found = als.fit(frame)
    return [
        {row["id"]: np.array(row["features"]) for row in side.collect()}
        for side in (found.userFactors, found.itemFactors)
    ]


def test_a_history_is_folded_in_as_mllib_solves_its_users(spark_engine, model):
    users, items = factors_of(spark_engine, model)
    nothing = np.zeros(8)
    x, y = (
        np.array([of.get(at, nothing) for at in range(n)])
        for of, n in zip((users, items), SHOP.shape, strict=True)
    )
    scores = model.scores(SHOP) * (1 + 1 / model.config.alpha)
    has_one = np.isfinite(scores)

    np.testing.assert_allclose(scores[has_one], (x @ y.T)[has_one], atol=1e-4)
    assert has_one.any(axis=1).sum() == (np.diff(SHOP.indptr) > 0).sum()


def test_it_comes_back_and_answers_where_there_is_no_spark(model, tmp_path):
    for name, body in save(model).items():
        (tmp_path / name).write_bytes(body)
    script = """
import sys
sys.modules["pyspark"] = None
from pathlib import Path
from recomart.models.artefact import load
from recomart.testing.recommenders import random_shop
files = {path.name: path.read_bytes() for path in Path(sys.argv[1]).iterdir()}
print(load(files).recommend(random_shop(seed=7), 5).items.tolist())
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(model.recommend(SHOP, 5).items.tolist())
    assert load(save(model)).config == model.config


def test_nothing_to_learn_from_is_no_opinion(spark_engine):
    empty = model_kind("sparkals").make(OPTIONS)
    empty.fit(Interactions.from_weights(no_interactions(4)))

    assert (empty.recommend(SHOP[:4], 3).items == -1).all()


def test_a_fault_of_spark_is_told_as_one(spark_engine):
    weights = csr_array(np.array([[np.inf, 1.0]], dtype=np.float32))
    model = model_kind("sparkals").make({**OPTIONS, "strength_exponent": 1.0})
    with pytest.raises(StoreUnavailableError, match="Spark"):
        model._solved(weights)


PROMISES = (
    RecommenderTests.test_never_recommends_what_is_in_the_history,
    RecommenderTests.test_may_recommend_what_is_in_the_history_when_asked_to,
    RecommenderTests.test_ranks_best_first_and_pads_last,
    RecommenderTests.test_recommends_an_item_once,
)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_it_keeps_the_promises_of_every_model(promise, model):
    promise(RecommenderTests(), model, SHOP)
