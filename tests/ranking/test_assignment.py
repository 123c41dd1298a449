"""Assignment: a unit keeps its variant, variants get their shares, and no unit is in two."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from recomart.errors import BadInputError
from recomart.ranking.assignment import N_BUCKETS, allot, buckets_of, packed, place_of, unpacked

NAMES = st.text(min_size=1, max_size=60)
SALTS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(salt=SALTS, name=NAMES)
def test_a_unit_keeps_its_place(salt, name):
    bucket, code = place_of(salt, "user", name)

    assert place_of(salt, "user", name) == (bucket, code)
    assert 0 <= bucket < N_BUCKETS
    assert len(code) == 16
    assert place_of(salt, "session", name)[1] != code


def test_names_that_look_alike_are_spread_evenly():
    """Counters, as shops number their users, under one salt and under the next."""
    names = [f"u{n}" for n in range(40_000)]
    one, other = ([place_of(salt, "user", name)[0] for name in names] for salt in ("a", "b"))

    for buckets in (one, other):
        counts = np.histogram(buckets, 100, (0, N_BUCKETS))[0]
        assert chisquare(counts).pvalue > 1e-4
    both = np.histogram2d(one, other, 10, [(0, N_BUCKETS)] * 2)[0]
    assert chisquare(both.ravel()).pvalue > 1e-4  # another salt is another throw of the dice


@st.composite
def wishes(draw):
    """Layers side by side, and experiments that want shares of them."""
    ends = sorted({0.0, 1.0, *draw(st.lists(st.floats(0.02, 0.98), max_size=4))})
    layers = [(low, high) for low, high in pairwise(ends) if high - low > 0.02]
    parts = st.lists(st.floats(0.1, 1), min_size=2, max_size=4)
    some = st.tuples(st.sampled_from(layers), st.floats(0.05, 1), parts)
    return layers, draw(st.lists(some, min_size=1, max_size=6))


@given(wishes())
def test_no_bucket_has_two_owners_and_shares_are_honoured(given_wishes):
    _, experiments = given_wishes
    taken = set()
    for number, (layer, share, parts) in enumerate(experiments):
        shares = {f"v{k}": part / sum(parts) for k, part in enumerate(parts)}
        buckets = buckets_of(layer)
        try:
            found = allot(buckets, taken, share, shares, f"seed {number}")
        except BadInputError:
            assert round(share * len(buckets)) > len(set(buckets) - taken)
            continue
        own = [bucket for some in found.values() for bucket in some]
        assert len(own) == len(set(own)) == round(share * len(buckets))
        assert not taken & set(own)
        assert set(own) <= set(buckets)
        for name, some in found.items():
            assert abs(len(some) - shares[name] * len(own)) <= 1
        taken |= set(own)


def test_layers_side_by_side_share_no_bucket():
    low, high = buckets_of((0, 0.3333)), buckets_of((0.3333, 1))

    assert not set(low) & set(high)
    assert len(low) + len(high) == N_BUCKETS


def test_a_full_layer_says_what_is_left():
    taken = set(range(7_000))

    with pytest.raises(BadInputError, match=r"30\.0% of its units left; 50\.0% are asked"):
        allot(range(N_BUCKETS), taken, 0.5, {"a": 0.5, "b": 0.5}, "s")


def test_a_share_that_is_no_bucket_is_refused():
    with pytest.raises(BadInputError, match="tiny would get no unit"):
        allot(range(N_BUCKETS), (), 0.1, {"tiny": 0.0001, "rest": 0.9999}, "s")


@given(st.sets(st.integers(0, N_BUCKETS - 1), max_size=50))
def test_packed_buckets_come_back(buckets):
    assert unpacked(packed(buckets)) == sorted(buckets)
