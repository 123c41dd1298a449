"""The search by length finds what a look at everything finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.models.innerproduct import FIRST, ByLength

seeds = st.integers(0, 2**31)


@given(seeds, st.integers(1, 300), st.integers(1, 40))
def test_the_best_and_their_ties_are_found(seed, n_items, n):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (n_items, 3)).astype(np.float32)  # many ties
    wanted = rng.integers(-2, 3, 3).astype(np.float32)
    items, scores = ByLength(vectors).nearest(wanted, n)

    everything = np.where(vectors.any(axis=1), vectors @ wanted, -np.inf)
    assert scores == pytest.approx(everything[items])
    best = np.sort(everything)[::-1][:n]
    assert np.sort(scores)[::-1][:n] == pytest.approx(best[np.isfinite(best)])


@pytest.mark.parametrize("decay", [0.0, 0.5, 3.0])
def test_long_and_short_vectors_beyond_the_first_look_are_found(rng, decay):
    n_items = 5 * FIRST
    lengths = np.arange(1, n_items + 1) ** -decay
    vectors = (rng.standard_normal((n_items, 8)) * lengths[:, None]).astype(np.float32)
    wanted = rng.standard_normal(8).astype(np.float32)
    items, scores = ByLength(vectors).nearest(wanted, 50)

    best = np.argsort(-(vectors @ wanted))[:50]
    assert set(best) <= set(items)
    assert len(scores) == len(items)


def test_what_is_out_is_passed_over(rng):
    vectors = rng.standard_normal((9_000, 4)).astype(np.float32)
    wanted = rng.standard_normal(4).astype(np.float32)
    is_out = rng.random(9_000) < 0.9

    items, scores = ByLength(vectors).nearest(wanted, 20, is_out)

    products = np.where(is_out, -np.inf, vectors @ wanted)
    assert set(np.argsort(-products)[:20].tolist()) <= set(items.tolist())
    assert not is_out[items].any()
    np.testing.assert_allclose(scores, products[items], rtol=1e-4, atol=1e-4)


def test_sums_are_of_all_products(rng):
    vectors = rng.standard_normal((500, 4)).astype(np.float32)
    vectors[:7] = 0
    wanted = rng.standard_normal(4).astype(np.float32)
    near = ByLength(vectors)

    total, squares = near.sums(wanted)

    assert near.n_silent == 7
    np.testing.assert_allclose(total, (vectors @ wanted).sum(), rtol=1e-3)
    np.testing.assert_allclose(squares, np.square(vectors @ wanted).sum(), rtol=1e-3)
