"""The comparison: intervals, segments, what lists are like, and what may be said of it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recomart.evaluation.beyond import beyond
from recomart.evaluation.bootstrap import interval
from recomart.evaluation.compare import (
    Data,
    Evaluation,
    figures,
    main_metric,
    observations,
)
from recomart.evaluation.gate import Gate
from recomart.evaluation.report import card_of, page_of
from recomart.models.sequences import Sequences
from recomart.ranking.questions import Question
from recomart.ranking.segments import is_tail, item_segments, user_segments
from recomart.settings import EvaluationSettings

SETTINGS = EvaluationSettings(ks=(2, 3), bootstrap=200)
N_USERS, N_ITEMS = 60, 10


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(0, 9))
def test_an_interval_lies_within_what_was_seen(values, seed):
    found = interval(np.array(values), 100, seed)

    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [interval(rng.normal(0.5, 1, 80), 200, seed) for seed in range(200)]

    assert 0.88 <= np.mean([one.low <= 0.5 <= one.high for one in found]) <= 0.99


def test_users_without_an_answer_are_left_out_and_counted():
    found = interval(np.array([1.0, np.nan, 1.0]), 100, 0)

    assert (found.mean, found.n_users) == (1.0, 2)
    assert interval(np.array([np.nan]), 100, 0).written() == "–"


def test_the_head_makes_most_of_the_interactions():
    assert is_tail(np.array([1, 70, 20, 9])).tolist() == [True, False, False, True]


def test_lists_are_described():
    train = csr_array(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 0]]))
    same = beyond(np.array([[0, 1], [0, 1]], dtype=np.int32), train, 2)
    none = beyond(np.full((2, 2), -1, dtype=np.int32), train, 2)

    assert same.catalogue_coverage == pytest.approx(2 / 3)
    assert same.novelty == pytest.approx((0 + 2) / 2)
    assert same.diversity == pytest.approx(1 - 1 / 2)
    assert none.novelty is None
    assert none.catalogue_coverage == 0


def test_more_equal_exposure_has_a_lower_gini():
    train = csr_array(np.ones((3, 3)))
    unequal = beyond(np.array([[0], [0], [0]], dtype=np.int32), train, 1)
    equal = beyond(np.array([[0], [1], [2]], dtype=np.int32), train, 1)

    assert equal.exposure_gini == pytest.approx(0)
    assert unequal.exposure_gini == pytest.approx(2 / 3)


def test_users_and_items_are_parted_without_rest():
    history = csr_array(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]]))
    users = user_segments(history, light=2)
    relevant = csr_array(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]]))
    items = item_segments(relevant, history)

    assert [part.tolist() for part in users.values()] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [False, True, True],
    ]
    assert items["head items"].nnz + items["tail items"].nnz == relevant.nnz
    assert items["new items"].nnz == 0


def asked(history, relevant):
    return Question(
        train=history,
        users=np.arange(history.shape[0], dtype=np.int32),
        history=history,
        sequences=Sequences.of_histories(history),
        relevant=relevant,
        now_us=0,
        n_all=history.shape[0],
    )


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(3)
    relevant = csr_array((rng.random((N_USERS, N_ITEMS)) < 0.2).astype(int))
    history = csr_array((rng.random((N_USERS, N_ITEMS)) < 0.3).astype(np.float32))
    dense = relevant.toarray()
    good = np.argsort(-dense, axis=1, kind="stable")[:, :3].astype(np.int32)
    bad = np.argsort(dense, axis=1, kind="stable")[:, :3].astype(np.int32)
    question = asked(history, relevant)
    lists = {"popularity": bad, "itemknn": good}
    models, by_user = figures(lists, {"itemknn": {"k": "<1>"}}, question, SETTINGS)
    data = Data(
        events_version="v",
        cut_at="2026-01-01T00:00:00+00:00",
        n_users=N_USERS,
        n_items=N_ITEMS,
        n_interactions=history.nnz,
        n_test_users=N_USERS,
        n_test_users_sampled_from=N_USERS,
        n_relevant=relevant.nnz,
        exclude_seen=True,
        relevant_types=("purchase",),
    )
    main = main_metric(SETTINGS)
    said = observations(models, main)
    return Evaluation(
        project="<b>Mugs</b>",
        main_metric=main,
        data=data,
        models=models,
        observations=said,
        decision=Gate(by_user, SETTINGS).decide(None, "auto"),
        coverage=(),
        ranker=None,
        no_ranker="no wish",
    )


def test_the_better_model_comes_first_and_beats_popularity(evaluation):
    best = evaluation.best
    [against] = best.against

    assert best.model == "itemknn"
    assert against.beats
    assert against.difference.is_above_zero
    assert best.metrics["ndcg@3"].mean == pytest.approx(1.0)


def test_what_is_said_is_what_the_figures_show(evaluation):
    text = " ".join(evaluation.observations)

    assert "itemknn is best with NDCG@3 1.0000" in text
    assert "It beats popularity" in text


def test_it_goes_through_json_unchanged(evaluation):
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation
    assert json.loads(evaluation.model_dump_json())["schema_version"] == 2


def test_the_page_is_escaped_and_the_same_each_time(evaluation):
    page = page_of(evaluation)

    assert "<b>Mugs</b>" not in page
    assert "&lt;b&gt;Mugs" in page
    assert page == page_of(evaluation)
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_card_names_data_metrics_segments_and_caveats(evaluation):
    card = card_of(evaluation)

    for heading in (
        "Intended use",
        "Data",
        "Metrics",
        "Promotion",
        "Confidence",
        "Segments",
        "Caveats",
    ):
        assert f"## {heading}" in card
    assert "heavy users" in card


@pytest.mark.parametrize(("ks", "main"), [((5, 10, 20), "ndcg@10"), ((20, 50), "ndcg@20")])
def test_ten_is_the_cut_off_that_decides_where_there_is_one(ks, main):
    assert main_metric(EvaluationSettings(ks=ks)) == main
