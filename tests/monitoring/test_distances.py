"""Distances: 0 for the same rows, within 0 and 1, and what can be checked on paper."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.monitoring.distances import distances, js_of, ks_of

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.none(), max_size=40)
WORDS = st.lists(st.text("ab", max_size=2) | st.none(), max_size=40)


def column(values, dtype):
    return pa.chunked_array([pa.array(values, dtype)])


def held(one, other, dtype="double"):
    return distances(column(one, dtype), column(other, dtype))


@given(NUMBERS, NUMBERS)
def test_numbers_lie_within_their_bounds(one, other):
    found = held(one, other)

    assert found.psi >= 0
    assert 0 <= found.js <= 1 + 1e-9
    assert found.ks is None or 0 <= found.ks <= 1
    assert found.new_share is None


@given(WORDS, WORDS)
def test_so_do_words(one, other):
    found = held(one, other, "string")

    assert 0 <= found.js <= 1 + 1e-9
    assert found.ks is None
    assert found.new_share is None or 0 <= found.new_share <= 1


@given(NUMBERS)
def test_the_same_rows_have_no_distance(values):
    found = held(values, values * 2)

    assert (found.psi, found.js) == (0, pytest.approx(0, abs=1e-9))
    assert not found.ks or found.ks < 1e-9


def test_js_by_hand():
    # all in one bin against all in another is one bit; half and half against one is 0.311 bits
    apart = js_of(np.array([4, 0]), np.array([0, 9]))
    half = js_of(np.array([1, 1]), np.array([2, 0]))

    assert apart == pytest.approx(1)
    assert half == pytest.approx(0.3112781)


def test_ks_by_hand():
    # three quarters of the one lie below 4, a quarter of the other
    found = ks_of(np.array([1.0, 2, 3, 9]), np.array([2.5, 5, 6, 7, np.nan]))

    assert found == pytest.approx(0.5)


def test_new_words_and_empty_cells_are_shares_of_all_rows():
    found = held(["a", "b", None, "a"], ["a", "c", "c", None, None], "string")

    assert found.new_share == 2 / 5
    assert (found.null_then, found.null_now) == (1 / 4, 2 / 5)


def test_a_side_without_rows_has_no_shares():
    found = held([], ["a"], "string")

    assert (found.psi, found.js, found.null_then, found.null_now) == (0, 0, None, 0)
