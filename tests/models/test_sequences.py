"""Sequences: order kept, rows cut, sessions found."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.models.interactions import Interactions
from recomart.models.sequences import Sequences
from recomart.vocabulary import MINUTE_US


@pytest.fixture
def interactions():
    return Interactions.from_events(
        np.array([1, 0, 1, 1, 3]),
        np.array([4, 2, 0, 4, 1]),
        np.array([1.0, 1, 5, -5, 2]),
        np.array([1, 2, 3, 4, 99]) * MINUTE_US,
        shape=(4, 5),
    )


def rows_of(sequences):
    return [
        sequences.items[a:b].tolist()
        for a, b in zip(sequences.starts[:-1], sequences.starts[1:], strict=True)
    ]


def test_a_row_holds_what_its_user_did_in_order_and_nothing_taken_back(interactions):
    assert rows_of(Sequences.of_users(interactions)) == [[2], [4, 0], [], [1]]


def test_rows_can_be_asked_of_some_users_in_any_order(interactions):
    assert rows_of(Sequences.of_users(interactions, np.array([3, 2, 1, 1]))) == [
        [1],
        [],
        [4, 0],
        [4, 0],
    ]


def test_a_history_without_order_has_its_strongest_entry_last():
    history = csr_array(np.array([[3.0, 0, 1, 2], [0, 0, 0, 0]], dtype=np.float32))

    assert rows_of(Sequences.of_histories(history)) == [[2, 3, 0], []]


def test_slices_are_rows(interactions):
    sequences = Sequences.of_users(interactions)

    assert rows_of(sequences[1:3]) == [[4, 0], []]
    assert rows_of(sequences[4:9]) == []


def test_histories_count(interactions):
    histories = Sequences.of_users(interactions, np.array([1, 3])).histories()

    assert histories.toarray().tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0]]


def test_a_silence_ends_a_session_and_so_does_another_user():
    sequences = Sequences(
        np.arange(6, dtype=np.int32),
        np.array([0, 5, 100, 100, 101, 200], dtype=np.int64),
        np.array([0, 3, 3, 6]),
        6,
    )

    assert rows_of(sequences.split(10)) == [[0, 1], [2], [3, 4], [5]]


def test_the_last_events_of_each_row(interactions):
    assert rows_of(Sequences.of_users(interactions).last(1)) == [[2], [0], [], [1]]


def test_no_rows():
    empty = Sequences.of_histories(csr_array((0, 3), dtype=np.float32))

    assert len(empty) == len(empty.split(5)) == 0
    assert empty.histories().shape == (0, 3)
