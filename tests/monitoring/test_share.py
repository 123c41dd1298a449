"""Wilson's interval: within 0 and 1, around the share, and the figures of its textbook example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.monitoring.share import Share


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_lies_around_the_share(counts):
    found = Share.of(*counts)

    assert 0 <= found.low <= found.share <= found.high <= 1


def test_by_the_book():
    # 81 of 263: Newcombe, "Two-Sided Confidence Intervals for the Single Proportion", 1998
    found = Share.of(81, 263)

    assert (found.low, found.high) == (
        pytest.approx(0.2553, abs=5e-5),
        pytest.approx(0.3662, abs=5e-5),
    )


def test_none_of_none_is_no_share():
    found = Share.of(0, 0)

    assert (found.share, found.low, found.high, found.written()) == (None, None, None, "–")
