"""The n best of a row are exactly those of a stable sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from recomart.errors import BadInputError
from recomart.models import selection
from recomart.models.selection import best_first, top_n

coarse = st.sampled_from([-np.inf, -2.0, -0.0, 0.0, 0.5, 1.0, 3.0])
"""Few values, so that ties are everywhere."""


def sorted_best(scores, n):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    values = np.take_along_axis(scores, best, axis=1)
    items = np.where(np.isneginf(values), -1, best)
    return np.pad(items, ((0, 0), (0, n - items.shape[1])), constant_values=-1)


@given(
    npst.arrays(
        np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=coarse
    ),
    st.integers(1, 14),
)
def test_any_block_is_ranked_as_by_a_stable_sort(scores, n):
    assert top_n(scores, n).items.tolist() == sorted_best(scores, n).tolist()


@pytest.mark.parametrize("n_columns", [639, 640, 641, 1000, 1280])
@pytest.mark.parametrize("n_values", [3, 10_000])
def test_wide_blocks_are_ranked_so_too(rng, n_columns, n_values):
    # wide enough for bounds from group maxima, with columns that no group holds
    scores = rng.integers(0, n_values, (20, n_columns)).astype(np.float32)
    scores[3, 5:] = -np.inf
    scores[4] = -np.inf

    assert n_columns >= 2 * selection.GROUP * 10 - 1
    assert top_n(scores, 10).items.tolist() == sorted_best(scores, 10).tolist()


def test_scores_stand_beside_their_items(rng):
    scores = rng.standard_normal((4, 30)).astype(np.float32)

    top = top_n(scores, 5)

    assert (np.take_along_axis(scores, top.items.astype(int), axis=1) == top.scores).all()


def test_the_scores_are_not_changed(rng):
    scores = rng.standard_normal((4, 30)).astype(np.float32)
    before = scores.copy()

    top_n(scores, 5)

    assert (scores == before).all()


def test_a_list_of_no_items_is_refused():
    with pytest.raises(BadInputError):
        top_n(np.zeros((1, 3), dtype=np.float32), 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(width=32, allow_nan=False)), max_size=40))
def test_the_best_of_each_row_come_first_and_ties_stay(pairs):
    rows = np.array([row for row, _ in pairs], dtype=np.int32)
    scores = np.array([score for _, score in pairs], dtype=np.float32)

    assert best_first(rows, scores).tolist() == np.lexsort((-scores, rows)).tolist()
