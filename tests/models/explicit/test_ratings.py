"""Ratings are what they claim to be, or are refused."""

import numpy as np
import pytest

from recomart.errors import BadInputError
from recomart.models.explicit import Ratings


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(BadInputError, match="1 of 2 ratings") as refused:
        Ratings.of([0, 1], [0, 1], [3.0, bad])

    assert refused.value.remedy


@pytest.mark.parametrize(
    ("users", "items", "values"),
    [([-1], [0], [1.0]), ([0], [-1], [1.0]), ([0, 1], [0], [1.0]), ([[0]], [[0]], [[1.0]])],
)
def test_columns_that_do_not_fit_are_refused(users, items, values):
    with pytest.raises(BadInputError):
        Ratings.of(users, items, values)


@pytest.mark.parametrize("sizes", [(1, 9), (9, 1)])
def test_an_index_outside_the_id_maps_is_refused(sizes):
    with pytest.raises(BadInputError, match="from 0 to 0"):
        Ratings(np.array([1]), np.array([1]), np.array([3.0]), *sizes)


def test_the_last_of_several_ratings_counts():
    users, items = np.array([0, 0, 1, 0]), np.array([2, 2, 2, 2])
    values, times = np.array([1.0, 2.0, 3.0, 4.0]), np.array([9, 9, 1, 5])

    in_time = Ratings(users, items, values, 2, 3, times).latest()
    by_row = Ratings(users, items, values, 2, 3).latest()

    assert in_time.values.tolist() == [2.0, 3.0]  # of the same time, the lower row
    assert by_row.values.tolist() == [3.0, 4.0]


def test_no_ratings_are_ratings():
    assert len(Ratings.of([], [], []).latest()) == 0
