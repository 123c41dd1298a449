"""Sparse helpers keep what they say they keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.sparse import csr_array

from recomart.errors import ArtefactError
from recomart.models import sparse
from recomart.models.sparse import damped, keep_largest, nearest, transitions

weights = npst.arrays(np.float32, (4, 6), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]))


@given(weights, st.integers(1, 7))
def test_the_k_largest_of_a_row_are_kept_and_ties_go_to_the_lower_column(dense, k):
    kept = keep_largest(csr_array(dense), k).toarray()

    for row, values in enumerate(dense):
        best = np.argsort(-values, kind="stable")[:k]
        expected = np.zeros_like(values)
        expected[best] = values[best]

        assert kept[row].tolist() == expected.tolist()


@given(weights)
def test_transitions_of_a_row_sum_to_one(dense):
    sums = transitions(csr_array(dense), 1.0).sum(axis=1)

    np.testing.assert_allclose(sums, dense.any(axis=1), rtol=1e-6)


def test_the_product_is_the_same_in_blocks(monkeypatch, rng):
    left = csr_array((rng.random((9, 5)) > 0.5).astype(np.float32))
    whole = nearest(left, csr_array(left.T.tocsr()), k=3)
    monkeypatch.setattr(sparse, "ROWS_AT_ONCE", 2)

    in_blocks = nearest(left, csr_array(left.T.tocsr()), k=3)

    product = (left @ left.T).toarray()
    np.fill_diagonal(product, 0)
    assert (whole.max(axis=0).toarray().ravel() == product.max(axis=1)).all()
    assert (whole.toarray() == in_blocks.toarray()).all()
    assert not whole.diagonal().any()


def test_damped_leaves_its_input_alone():
    before = csr_array(np.array([[4.0, 0.0, 9.0]], dtype=np.float32))

    assert damped(before, 0.5).toarray().tolist() == [[2.0, 0.0, 3.0]]
    assert before.toarray().tolist() == [[4.0, 0.0, 9.0]]


GOOD = sparse.to_arrays(csr_array(np.array([[0, 2.0], [0, 0]], dtype=np.float32)), "weights")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("data", np.array([np.inf], np.float32)),
        ("data", np.array([1.0])),
        ("data", np.array([1.0, 2.0], np.float32)),
        ("indices", np.array([2], np.int32)),
        ("indices", np.array([-1], np.int32)),
        ("indices", np.array([[1]], np.int32)),
        ("indptr", np.array([0, 2, 1])),
        ("indptr", np.array([1, 1, 1])),
        ("indptr", np.array([], np.int64)),
        ("indptr", np.array([0.0, 1.0, 1.0])),
    ],
)
def test_arrays_that_make_no_matrix_are_refused(name, array):
    with pytest.raises(ArtefactError):
        sparse.from_arrays({**GOOD, f"weights_{name}": array}, "weights")


def test_a_missing_array_is_refused():
    with pytest.raises(ArtefactError):
        sparse.from_arrays({}, "weights")


def test_a_matrix_comes_back():
    assert sparse.from_arrays(GOOD, "weights").toarray().tolist() == [[0.0, 2.0], [0.0, 0.0]]


def test_indices_stay_narrow():
    data, indices = np.ones(2, dtype=np.float32), np.array([0, 1], dtype=np.int32)

    matrix = sparse.narrow(data, indices, np.array([0, 1, 2], dtype=np.int64), (2, 2))

    assert matrix.indices.dtype == np.int32
    assert np.shares_memory(matrix.indices, indices)


@pytest.mark.parametrize("n_items", [5, 10_000])
def test_what_items_are_worth_is_summed_densely_or_not(rng, n_items):
    items = rng.integers(0, 5, 40).astype(np.int32)
    worth = (rng.random(40) + 0.1).astype(np.float32)

    found, totals = sparse.summed(items, worth, n_items)

    assert found.tolist() == sorted(set(items.tolist()))
    wanted = [worth[items == item].sum() for item in found]
    np.testing.assert_allclose(totals, wanted, rtol=1e-5)
