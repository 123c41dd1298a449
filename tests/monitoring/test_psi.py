"""The index is 0 for the same data, never below, the same both ways, and blind to order."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.monitoring.psi import MOST_WORDS, counts_in, edges_of, psi, psi_of

FLOATS = st.floats(-1e6, 1e6) | st.none()
WORDS = st.text("ab", max_size=3) | st.none()
COLUMNS = st.one_of(
    *(
        st.tuples(st.just(dtype), st.lists(values, max_size=60), st.lists(values, max_size=60))
        for dtype, values in (
            (pa.float64(), FLOATS),
            (pa.int64(), st.integers(-5, 5) | st.none()),
            (pa.bool_(), st.booleans() | st.none()),
            (pa.string(), WORDS),
        )
    )
)
COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12)


def column(values, dtype=None):
    return pa.chunked_array([pa.array(values, dtype)])


@given(COLUMNS)
def test_it_is_finite_and_never_below_zero(columns):
    dtype, reference, now = columns

    found = psi(column(reference, dtype), column(now, dtype))

    assert 0 <= found < 50


@given(COLUMNS)
def test_the_same_data_however_often_is_zero(columns):
    dtype, values, _ = columns

    assert psi(column(values, dtype), column(values, dtype)) == 0
    assert psi(column(values, dtype), column(values * 3, dtype)) == pytest.approx(0, abs=1e-12)


@given(COLUMNS, st.randoms())
def test_the_order_of_rows_does_not_matter(columns, random):
    dtype, reference, now = columns
    mixed, mixed_now = random.sample(reference, len(reference)), random.sample(now, len(now))

    assert psi(column(mixed, dtype), column(mixed_now, dtype)) == psi(
        column(reference, dtype), column(now, dtype)
    )


@given(COUNTS)
def test_it_is_the_same_with_the_two_exchanged(counts):
    one, other = (np.array(side, dtype=np.int64) for side in zip(*counts, strict=True))

    assert psi_of(one, other) == pytest.approx(psi_of(other, one))


@given(st.lists(FLOATS, max_size=60))
def test_every_value_falls_into_one_bin(values):
    numbers = np.array(values, dtype=np.float64)

    assert counts_in(numbers, edges_of(numbers)).sum() == len(values)


def test_by_hand():
    # half and half became 80 : 20
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)

    assert psi_of(np.array([50, 50]), np.array([80, 20])) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reference", "now"),
    [
        ([1.0] * 100, [0.2] * 100),  # a constant fell
        ([0.0] * 95 + [5.0] * 5, [0.0] * 60 + [5.0] * 40),  # mostly 0
        ([1.0] * 100, [None] * 100),
        ([None] * 100, [1.0] * 100),
        (["a"] * 100, ["b"] * 100),
        ([True] * 90 + [False] * 10, [True] * 40 + [False] * 60),
        (list(range(100)), [n + 40 for n in range(100)]),
    ],
)
def test_a_large_change_is_beyond_the_usual_threshold(reference, now):
    assert psi(column(reference), column(now)) > 0.25


def test_a_value_shared_by_many_that_moves_a_little_is_no_change():
    reference = [0.1] * 50 + [0.5] * 50
    now = [0.11] * 50 + [0.49] * 50

    assert psi(column(reference), column(now)) == 0


def test_rare_words_are_one_bin():
    reference = [f"w{n:03}" for n in range(MOST_WORDS)] * 20 + [f"r{n}" for n in range(100)]
    now = [f"w{n:03}" for n in range(MOST_WORDS)] * 20 + [f"s{n}" for n in range(100)]

    assert psi(column(reference), column(now)) == 0
