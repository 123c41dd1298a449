"""The search by length finds what a look at everything finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from recomart.models.innerproduct import FIRST, ByLength
from recomart.models.selection import top_n

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


@pytest.mark.parametrize("decay", [0.0, 0.5, 3.0])
def test_many_are_ranked_as_one_is(rng, decay):
    n_items, n_rows = 3 * FIRST + 100, 600
    lengths = np.arange(1, n_items + 1) ** -decay
    vectors = (rng.standard_normal((n_items, 8)) * lengths[:, None]).astype(np.float32)
    vectors[::50] = 0
    wanted = rng.standard_normal((n_rows, 8)).astype(np.float32)
    wanted[7] = 0
    seen = csr_array(random_array((n_rows, n_items), density=0.001, rng=rng, dtype=np.float32))

    top = ByLength(vectors).nearest_of_many(wanted, 30, seen)

    products = wanted @ vectors.T
    products[:, ::50] = -np.inf
    products[seen.nonzero()] = -np.inf
    products[7] = -np.inf
    expected = top_n(products, 30)
    np.testing.assert_allclose(top.scores, expected.scores, rtol=1e-4, atol=1e-5)
    assert (top.items == expected.items).mean() > 0.999  # 32-bit sums may round the other way
    assert (top.items[7] == -1).all()


def test_a_list_longer_than_the_catalogue_is_padded():
    vectors = np.array([[1, 0], [2, 0], [0, 0], [2, 0]], dtype=np.float32)
    wanted = np.array([[1, 5], [-1, 0]], dtype=np.float32)

    top = ByLength(vectors).nearest_of_many(wanted, 5)

    assert top.items.tolist() == [[1, 3, 0, -1, -1], [0, 1, 3, -1, -1]]
    assert np.isnan(top.scores[:, 3:]).all()


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
