"""Splits: every event on one side, nothing that is known is to be found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import BadInputError
from recomart.evaluation.splits import k_fold, leave_last, split_in_time
from recomart.models.interactions import Interactions

SHAPE = (4, 5)
made = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=30)


def interactions(pairs):
    users, items = (np.array(part) for part in zip(*pairs, strict=True))
    when = np.arange(len(pairs)) * 10
    return Interactions.from_events(users, items, np.ones(len(pairs)), when, shape=SHAPE)


def found(split):
    rows, items = split.relevant.nonzero()
    return {(int(split.users[row]), int(item)) for row, item in zip(rows, items, strict=True)}


@given(made, st.integers(2, 4), st.integers(0, 99))
def test_each_event_is_held_out_in_one_fold(pairs, n_folds, seed):
    whole = interactions(pairs)
    try:
        splits = list(k_fold(whole, n_folds, seed))
    except BadInputError:
        return  # a fold in which there is nothing new to find
    assert sum(len(split.known.users) for split in splits) == (n_folds - 1) * len(pairs)
    for split in splits:
        known = {tuple(map(int, p)) for p in zip(split.known.users, split.known.items, strict=True)}
        assert found(split).isdisjoint(known)
        assert found(split) | known == set(pairs)


def test_the_last_event_of_each_user_is_to_be_found():
    split = leave_last(interactions([(0, 1), (1, 2), (0, 3), (2, 4), (1, 0)]))

    assert found(split) == {(0, 3), (1, 0)}
    assert split.history.toarray()[:, [1, 2]].tolist() == [[1, 0], [0, 1]]
    assert split.sequences.items.tolist() == [1, 2]
    assert set(split.known.users.tolist()) == {0, 1, 2}  # who has one event only is learned from


def test_in_time_the_future_is_to_be_found():
    split = split_in_time(interactions([(0, 1), (1, 2), (0, 3), (1, 2)]), 20)

    assert found(split) == {(0, 3)}  # what is known is not to be found again
    assert split.known.now_us == 20


def test_nothing_to_find_is_an_error_with_a_remedy():
    for call in (
        lambda: split_in_time(interactions([(0, 1)]), 100),
        lambda: leave_last(interactions([(0, 1)])),
        lambda: list(k_fold(interactions([(0, 1)]), 1, 0)),
    ):
        with pytest.raises(BadInputError) as raised:
            call()
        assert raised.value.remedy
