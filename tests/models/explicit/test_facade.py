"""Three calls from a table with ids, and back from bytes."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import recomart
from recomart.errors import ArtefactError, BadInputError, NotFittedError, SettingsError
from recomart.models.explicit.facade import ARRAYS, DESCRIPTION, MatrixFactorizationRecommender


@pytest.fixture(scope="module")
def table():
    """Ann and Bob like tea and cup, Eve likes nail and saw; Max knows everything."""
    rows = [
        *(("ann", item, value) for item, value in (("tea", 5.0), ("cup", 5.0), ("nail", 1.0))),
        *(("bob", item, value) for item, value in (("tea", 4.0), ("nail", 2.0), ("saw", 1.0))),
        *(("eve", item, value) for item, value in (("nail", 5.0), ("saw", 5.0))),
        *(("max", item, 3.0) for item in ("tea", "cup", "nail", "saw")),
    ]
    users, items, values = zip(*rows, strict=True)
    return pa.table({"user_id": users, "item_id": items, "rating": values})


@pytest.fixture(scope="module", params=["rated", "taken"])
def train(request, table):
    return table if request.param == "rated" else table.drop_columns(["rating"])


@pytest.fixture(scope="module")
def model(train):
    return recomart.MatrixFactorizationRecommender(n_factors=8).fit(train)


def test_lists_hold_what_the_user_does_not_know(model):
    found = model.recommend_items("eve", 9)

    assert {each.item_id for each in found} == {"tea", "cup"}


def test_lists_may_hold_what_the_user_knows(model):
    found = model.recommend_items("eve", 9, exclude_known=False)

    assert {each.item_id for each in found} == {"tea", "cup", "nail", "saw"}


def test_who_knows_everything_is_left_nothing(model):
    assert model.recommend_items("max", 3) == []
    assert len(model.recommend_items("max", 3, exclude_known=False)) == 3


@pytest.mark.parametrize("user", ["ann", "nobody"])
def test_scores_fall_and_are_those_of_predict(model, user):
    found = model.recommend_items(user, 4, exclude_known=False)
    scores = [each.score for each in found]

    assert np.isfinite(scores).all()
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx([model.predict(user, each.item_id) for each in found], abs=1e-6)


def test_a_stranger_gets_a_full_list(model):
    assert len(model.recommend_items("nobody", 4)) == 4
    assert len(model.recommend_items("nobody", 3)) == 3


def test_unknown_items_get_an_answer(model):
    assert np.isfinite(model.predict("ann", "nothing"))
    assert np.isfinite(model.predict("nobody", "nothing"))


def test_a_stranger_is_given_what_is_popular():
    pairs = [(f"u{n}", "often") for n in range(30)] + [("u0", "seldom"), ("u1", "seldom")]
    users, items = zip(*pairs, strict=True)
    model = MatrixFactorizationRecommender().fit({"user_id": users, "item_id": items})

    assert [each.item_id for each in model.recommend_items("nobody", 2)] == ["often", "seldom"]


def test_tables_of_every_kind_are_the_same(table):
    kinds = [table, pl.from_arrow(table), table.to_pydict(), table.to_reader()]
    files = [MatrixFactorizationRecommender(4).fit(kind).save() for kind in kinds]

    assert all(each == files[0] for each in files)


@pytest.mark.usefixtures("pandas_allowed")
def test_pandas_will_do(table):
    pytest.importorskip("pandas")
    one, other = (MatrixFactorizationRecommender(4).fit(t) for t in (table, table.to_pandas()))

    assert one.save() == other.save()


def test_the_last_rating_in_time_counts():
    columns = {"user_id": ["a", "a", "b"], "item_id": ["x", "x", "x"]}
    rated = {**columns, "rating": [5, 1, 1], "occurred_us": [2, 1, 1]}
    model = MatrixFactorizationRecommender(0).fit(rated)

    assert model.predict("a", "x") > model.predict("b", "x")


@pytest.mark.parametrize(
    "train",
    [
        None,
        [("ann", "tea")],
        {},
        {"user_id": ["ann"]},
        {"user_id": [], "item_id": []},
        {"user_id": ["ann"], "item_id": ["tea", "cup"]},
        {"user_id": [1], "item_id": ["tea"]},
        {"user_id": [None], "item_id": ["tea"]},
        {"user_id": ["ann"], "item_id": ["tea"], "rating": [float("nan")]},
        {"user_id": ["ann"], "item_id": ["tea"], "rating": [float("inf")]},
        {"user_id": ["ann"], "item_id": ["tea"], "rating": [None]},
        {"user_id": ["ann"], "item_id": ["tea"], "rating": ["good"]},
        {"user_id": ["ann"], "item_id": ["tea"], "rating": [1], "occurred_us": [0.5]},
        {"user_id": ["ann"], "item_id": [{"tea"}]},
    ],
)
def test_other_tables_are_refused(train):
    with pytest.raises(BadInputError) as refused:
        MatrixFactorizationRecommender().fit(train)

    assert refused.value.remedy


def test_numbers_that_do_not_fit_are_refused(model):
    with pytest.raises(SettingsError):
        MatrixFactorizationRecommender(n_factors=-1)
    with pytest.raises(BadInputError):
        model.recommend_items("ann", 0)


def test_it_says_that_it_is_not_fitted():
    model = MatrixFactorizationRecommender()

    for ask in (lambda: model.recommend_items("a", 1), lambda: model.predict("a", "b"), model.save):
        with pytest.raises(NotFittedError):
            ask()


def test_it_comes_back_bit_for_bit(model):
    loaded = MatrixFactorizationRecommender.load(model.save())

    assert loaded.save() == model.save()
    for user in ("ann", "eve", "nobody"):
        assert loaded.recommend_items(user, 4) == model.recommend_items(user, 4)


def broken(files, other):
    """What is not what `save` wrote, one by one."""
    said = json.loads(files[DESCRIPTION])
    yield {}
    yield {DESCRIPTION: files[DESCRIPTION]}
    yield {ARRAYS: files[ARRAYS]}
    yield {DESCRIPTION: files[ARRAYS], ARRAYS: files[DESCRIPTION]}
    yield {**files, ARRAYS: other[ARRAYS]}
    yield {**files, ARRAYS: files[ARRAYS][:-1]}
    yield {**files, DESCRIPTION: files[DESCRIPTION][: len(files[DESCRIPTION]) // 2]}
    for changes in ({"format": 2}, {"kind": "svd"}, {"n_factors": -1}, {"more": 1}, {"arrays": {}}):
        yield {**files, DESCRIPTION: json.dumps({**said, **changes}).encode()}
    for name in ("user_ids", "item_ids"):
        yield {**files, DESCRIPTION: json.dumps({**said, name: said[name][1:]}).encode()}


def test_what_save_did_not_write_is_refused(train):
    files, other = (MatrixFactorizationRecommender(3, seed=s).fit(train).save() for s in (0, 1))

    for each in broken(files, other):
        with pytest.raises(ArtefactError):
            MatrixFactorizationRecommender.load(each)


def test_offering_it_imports_nothing():
    script = "import sys, recomart; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, check=True, text=True)

    assert not {"numpy", "scipy", "pyarrow", "recomart.models"} & set(done.stdout.split())
    with pytest.raises(AttributeError, match="no attribute 'Oracle'"):
        _ = recomart.Oracle
