"""Ranking metrics: done by hand, held to laws, equal to a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recomart.evaluation.metrics import METRICS, hits_of, mae, ranking_metrics, rmse


def one(name, hits, n_relevant, k):
    found = METRICS[name](np.array([hits], dtype=bool), np.array([n_relevant]), k)
    return float(found[0])


@pytest.mark.parametrize(
    ("name", "hits", "n_relevant", "k", "expected"),
    [
        ("ndcg", [1, 1, 0], 2, 3, 1.0),
        ("ndcg", [0, 1, 0], 1, 3, 1 / math.log2(3)),
        ("ndcg", [1, 0, 0], 5, 3, 1 / (1 + 1 / math.log2(3) + 0.5)),
        ("ndcg", [1], 1, 10, 1.0),
        ("recall", [1, 0, 1], 4, 3, 0.5),
        ("recall", [1, 0, 1], 4, 2, 0.25),
        ("precision", [1, 0, 1], 4, 3, 2 / 3),
        ("precision", [1], 1, 10, 0.1),
        ("map", [1, 0, 1], 2, 3, (1 + 2 / 3) / 2),
        ("map", [0, 1], 9, 2, 0.25),
        ("mrr", [0, 0, 1], 1, 3, 1 / 3),
        ("mrr", [0, 0, 1], 1, 2, 0.0),
        ("hit_rate", [0, 0, 1], 1, 3, 1.0),
        ("hit_rate", [0, 0, 1], 1, 2, 0.0),
    ],
)
def test_values_done_by_hand(name, hits, n_relevant, k, expected):
    assert one(name, hits, n_relevant, k) == pytest.approx(expected)


@pytest.mark.parametrize("name", METRICS)
def test_a_user_with_nothing_to_find_has_no_score(name):
    assert math.isnan(one(name, [0, 0], 0, 2))


def test_padding_is_never_a_hit():
    relevant = csr_array(np.array([[1, 0, 1], [0, 0, 0]]))
    hits = hits_of(np.array([[2, -1, 1], [-1, -1, -1]], dtype=np.int32), relevant)

    assert hits.tolist() == [[True, False, False], [False, False, False]]


shops = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.permutations(range(8)), min_size=n, max_size=n),
        st.lists(st.sets(st.integers(0, 7)), min_size=n, max_size=n),
    )
)


@given(shops, st.integers(1, 8))
def test_many_users_at_once_are_as_one_by_one(shop, k):
    lists, wanted = shop
    relevant = np.array([[item in some for item in range(8)] for some in wanted], dtype=int)
    found = ranking_metrics(np.array(lists, dtype=np.int32)[:, :k], csr_array(relevant), [k])

    for user, (made, some) in enumerate(zip(lists, wanted, strict=True)):
        hits = [item in some for item in made[:k]]
        for name in METRICS:
            expected = one(name, hits, len(some), k)
            assert found[f"{name}@{k}"][user] == pytest.approx(expected, nan_ok=True)


@given(shops, st.integers(1, 8))
def test_every_metric_is_from_0_to_1(shop, k):
    lists, wanted = shop
    relevant = np.array([[item in some for item in range(8)] for some in wanted], dtype=int)
    found = ranking_metrics(np.array(lists, dtype=np.int32), csr_array(relevant), [k])

    for values in found.values():
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()


@pytest.mark.parametrize("name", ["ndcg", "map", "mrr"])
@given(hits=st.lists(st.booleans(), min_size=2, max_size=12), data=st.data())
def test_moving_a_hit_up_never_lowers_the_score(name, hits, data):
    lower = data.draw(st.integers(1, len(hits) - 1))
    better = list(hits)
    better[lower - 1], better[lower] = (
        max(hits[lower - 1 : lower + 1]),
        min(hits[lower - 1 : lower + 1]),
    )
    found = max(sum(hits), 1)

    assert one(name, better, found, len(hits)) >= one(name, hits, found, len(hits)) - 1e-12


def test_errors_of_ratings():
    assert rmse([1, 2, 3], [1, 2, 5]) == pytest.approx(math.sqrt(4 / 3))
    assert mae([1, 2, 3], [1, 2, 5]) == pytest.approx(2 / 3)
