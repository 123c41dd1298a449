"""Candidates: the union of lists, each item once, the most agreed upon first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recomart.models.base import TopN
from recomart.models.cooccurrence import CoOccurrence
from recomart.models.interactions import Interactions
from recomart.models.popularity import Popularity
from recomart.models.sequences import Sequences
from recomart.models.sparse import place_in_row
from recomart.ranking.candidates import retrieve, union

N_ITEMS = 6
lists = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=4), min_size=2, max_size=2
)


def top(rows, n=4):
    found = TopN.empty(len(rows), n)
    for place, row in enumerate(rows):
        found.items[place, : len(row)] = row
        found.scores[place, : len(row)] = -np.arange(len(row))
    return found


@given(lists, lists, st.integers(1, 8))
def test_every_item_of_a_list_is_a_candidate_once_and_the_best_agreed_upon_stay(one, two, most):
    found = union(("a", "b"), [top(one), top(two)], N_ITEMS, most)

    for row, (left, right) in enumerate(zip(one, two, strict=True)):
        agreed = {
            item: sum(1 / (61 + part.index(item)) for part in (left, right) if item in part)
            for item in {*left, *right}
        }
        expected = sorted(agreed, key=lambda item: (-np.float32(agreed[item]), item))[:most]
        assert found.items[found.rows == row].tolist() == expected


def test_ranks_and_scores_stand_beside_their_retriever():
    found = union(("a", "b"), [top([[3, 1]]), top([[1]])], N_ITEMS, 9)

    assert found.items.tolist() == [1, 3]
    np.testing.assert_array_equal(found.ranks, [[2, 1], [1, np.nan]])
    np.testing.assert_array_equal(found.scores, [[-1, 0], [0, np.nan]])


def test_it_knows_which_candidates_were_wanted():
    found = union(("a",), [top([[3, 1], [], [2]])], N_ITEMS, 9)
    wanted = csr_array(([1, 1, 1], ([0, 1, 2], [1, 1, 0])), shape=(3, N_ITEMS))

    assert found.contains(wanted).tolist() == [False, True, False]


def test_models_are_asked_for_the_same_rows():
    weights = csr_array(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=np.float32))
    known = Interactions.from_weights(weights)
    models = {"popularity": Popularity().fit(known), "cooccurrence": CoOccurrence().fit(known)}
    sequences = Sequences.of_users(known)
    found = retrieve(models, weights, sequences, each=5, most=5, exclude_seen=True)

    assert found.rows.tolist() == [1, 2, 2]
    assert found.items.tolist() == [1, 0, 1]
    assert np.isfinite(found.ranks).sum(axis=1).tolist() == [2, 1, 1]


def test_places_are_counted_in_each_row():
    assert place_in_row(np.array([0, 0, 3, 3, 3, 4])).tolist() == [0, 1, 0, 1, 2, 0]
    assert place_in_row(np.array([], dtype=np.int32)).tolist() == []
