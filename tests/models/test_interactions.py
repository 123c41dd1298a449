"""Interactions sum events, whatever their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models import Interactions

ANN, BOB = 0, 1
MUG, PEN = 0, 1

events = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.sampled_from([1.0, 5.0, -5.0]), st.integers(0, 99)
    ),
    max_size=20,
)


def summed(rows, **options):
    columns = zip(*rows, strict=True) if rows else [[], [], [], []]
    users, items, strengths, times = columns
    return Interactions.from_events(
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array(strengths, dtype=np.float64),
        np.array(times, dtype=np.int64),
        shape=(3, 4),
        **options,
    )


@given(events)
def test_weights_are_net_strength_where_it_is_above_zero(rows):
    net = np.zeros((3, 4))
    for user, item, strength, _ in rows:
        net[user, item] += strength

    interactions = summed(rows)

    assert interactions.weights.toarray().tolist() == np.maximum(net, 0).tolist()
    assert (interactions.weights.data > 0).all()


@given(events, st.randoms())
def test_events_stand_in_time_order_and_none_is_lost(rows, random):
    shuffled = random.sample(rows, len(rows))

    interactions = summed(shuffled)

    assert (np.diff(interactions.occurred_us) >= 0).all()
    parts = (interactions.users, interactions.items, interactions.strengths)
    kept = zip(*(part.tolist() for part in (*parts, interactions.occurred_us)), strict=True)
    assert sorted(kept) == sorted(rows)


def test_the_moment_of_learning_is_the_last_event_if_not_said():
    assert summed([(ANN, MUG, 1.0, 7), (BOB, PEN, 1.0, 9)]).now_us == 9


def test_an_event_from_the_future_is_refused():
    with pytest.raises(BadInputError, match="lies after"):
        summed([(ANN, MUG, 1.0, 7)], now_us=6)


@pytest.mark.parametrize("event", [(3, MUG, 1.0, 0), (ANN, 4, 1.0, 0), (-1, MUG, 1.0, 0)])
def test_an_index_outside_the_shop_is_refused(event):
    with pytest.raises(BadInputError, match="index"):
        summed([event])


def test_weights_without_time_are_one_event_each_and_all_happen_now():
    weights = csr_array(np.array([[0, 2.0], [3.0, 0]], dtype=np.float32))

    interactions = Interactions.from_weights(weights)

    assert interactions.weights.toarray().tolist() == weights.toarray().tolist()
    assert interactions.strengths.tolist() == [2.0, 3.0]
    assert interactions.occurred_us.tolist() == [0, 0]
    assert interactions.now_us == 0


@pytest.mark.parametrize("strength", [np.nan, np.inf])
def test_a_strength_that_is_no_number_is_refused(strength):
    with pytest.raises(BadInputError, match="no number"):
        Interactions.from_events(
            np.array([0]), np.array([0]), np.array([strength]), np.array([0]), shape=(1, 1)
        )
