"""Rows of a ranker: each value from the view and the key that it belongs to."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models.base import TopN
from recomart.ranking.candidates import union
from recomart.ranking.cascade import Cascade, in_order, ranks_in
from recomart.ranking.knowledge import (
    ITEM,
    RELATIVE_PRICE,
    USER,
    USER_CATEGORY,
    USER_ITEM,
    Knowledge,
    View,
    category_span,
    columns_of,
    keys_of,
    matrix_of,
)

CATEGORIES = np.array([0, 1, -1], dtype=np.int32)


def view(by, name, told):
    keys, values = np.array(list(told), dtype=np.int64), np.array(list(told.values()))
    return View.of(by, keys, {name: values})


@pytest.fixture
def knowledge():
    return Knowledge(
        (
            view(USER, "user_features__avg_price", {5: 10.0, 2: 0.0}),
            view(ITEM, "item_features__price", {0: 20.0, 2: 30.0}),
            view(USER_CATEGORY, "user_category_features__affinity", {5 * 2 + 1: 0.5}),
            view(USER_ITEM, "user_item_features__affinity", {2 * 3 + 2: 0.9}),
        ),
        CATEGORIES,
        category_span(CATEGORIES),
    )


def test_each_pair_finds_what_is_known_of_its_user_item_and_category(knowledge):
    found = knowledge.rows(np.array([5, 5, 2, 7]), np.array([0, 1, 2, 2]))
    nan = np.nan

    np.testing.assert_array_equal(
        found,
        np.array(
            [
                [10, 20, nan, nan, 2],
                [10, nan, 0.5, nan, nan],
                [0, 30, nan, np.float32(0.9), nan],
                [nan, 30, nan, nan, nan],
            ],
            dtype=np.float32,
        ),
    )
    assert knowledge.names[-1] == RELATIVE_PRICE


def test_an_item_without_a_category_has_no_key_of_one():
    keys = keys_of(np.array([1]), np.array([2]), CATEGORIES, 2)

    assert keys[USER_CATEGORY].tolist() == [-1]
    assert keys[USER_ITEM].tolist() == [5]


def test_a_view_without_rows_knows_nothing():
    empty = view(USER, "a__b", {})

    assert np.isnan(empty.at(np.array([0, 3]))).all()


def top(items):
    return TopN(np.array(items, dtype=np.int32), np.zeros(np.shape(items), dtype=np.float32))


def test_the_matrix_has_a_column_for_each_name(knowledge):
    candidates = union(("a",), [top([[0, 1], [2, -1]])], 3, 9)
    matrix = matrix_of(candidates, np.array([5, 2], dtype=np.int32), knowledge)

    assert matrix.shape == (3, len(columns_of(("a",), knowledge.names)))
    assert matrix[2, -2] == np.float32(0.9)  # the second row is user 2


def test_a_ranker_that_learned_from_other_columns_is_not_asked(knowledge):
    class Other:
        columns = ("something",)

    cascade = Cascade({}, Other(), settings=None)
    candidates = union(("a",), [top([[0]])], 3, 9)

    with pytest.raises(BadInputError, match="other columns"):
        cascade._check(candidates, knowledge)


def test_a_category_takes_so_many_places_before_others_have_their_turn():
    candidates = union(("a",), [top([[0, 1, 2, 3, 4]])], 5, 9)
    categories = np.array([7, 7, 7, 1, -1], dtype=np.int32)
    ranked = in_order(candidates, np.array([5, 4, 3, 2, 1.0]), categories, max_per_category=1)

    assert ranked.top(5).items.tolist() == [[0, 3, 4, 1, 2]]
    assert ranked.ranks.tolist() == [1, 2, 3, 4, 5]


def test_ties_keep_the_order_of_agreement():
    candidates = union(("a",), [top([[2, 0], [1, 2]])], 3, 9)
    ranked = in_order(candidates, np.zeros(4), CATEGORIES)

    assert ranked.top(3).items.tolist() == [[2, 0, -1], [1, 2, -1]]


def test_ranks_of_what_was_wanted():
    wanted = csr_array(([1, 1, 1], ([0, 0, 1], [1, 2, 0])), shape=(2, 3))

    assert ranks_in(top([[2, 0], [1, 0]]), wanted).tolist() == [np.inf, 1, 2]
    assert ranks_in(top([[-1, -1], [-1, -1]]), wanted).tolist() == [np.inf] * 3
