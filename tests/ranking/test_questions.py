"""The question that every model is asked: what counts, for whom, and what does not."""

import numpy as np
import pyarrow as pa
import pytest

from recomart.errors import BadInputError
from recomart.ranking.interactions import EventArrays
from recomart.ranking.questions import ask, known_at, windows
from recomart.settings import EvaluationSettings, Settings
from recomart.vocabulary import DAY_US, EVENT_TYPES, FOREVER_US

CUT = 100
STRENGTH = {"view": 1.0, "purchase": 5.0, "cancel": -5.0}
BUY = EvaluationSettings(relevant=("purchase",), exclude_seen=False)


def arrays(events):
    """Events as (user, item, type, when), users and items as numbers."""
    users, items, types, when = zip(*sorted(events, key=lambda e: e[3]), strict=True)
    n_users, n_items = max(users) + 1, max(items) + 1
    return EventArrays(
        pa.array([f"u{n:03d}" for n in range(n_users)]),
        pa.array([f"i{n:03d}" for n in range(n_items)]),
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array([EVENT_TYPES.index(kind) for kind in types], dtype=np.int32),
        np.array([STRENGTH[kind] for kind in types]),
        np.array(when, dtype=np.int64),
    )


def question_of(events, settings, max_users=100, until_us=FOREVER_US):
    data = arrays(events)
    return ask(data, known_at(data, CUT, Settings()), until_us, settings, max_users)


def asked(events, settings=BUY):
    question = question_of(events, settings)
    histories = question.history.toarray().tolist()
    return histories, question.relevant.toarray().tolist(), question.n_all


def test_what_was_bought_after_the_cut_is_relevant_and_what_came_before_is_history():
    history, relevant, _ = asked([(0, 0, "view", 99), (0, 1, "purchase", 100)])

    assert (history, relevant) == ([[1, 0]], [[0, 1]])


def test_a_view_is_not_relevant_where_only_purchases_are():
    _, relevant, n = asked([(0, 0, "view", 101), (1, 0, "purchase", 101)])

    assert (relevant, n) == ([[1]], 1)


def test_a_purchase_taken_back_is_not_relevant():
    events = [(0, 0, "purchase", 101), (0, 0, "cancel", 102), (1, 0, "purchase", 103)]

    assert asked(events)[1:] == ([[1]], 1)


def test_a_user_without_history_is_asked_for_too():
    history, relevant, _ = asked([(0, 0, "view", 1), (1, 0, "purchase", 101)])

    assert (history, relevant) == ([[0]], [[1]])


def test_what_was_seen_is_not_relevant_where_it_is_left_out():
    events = [(0, 0, "view", 1), (0, 0, "purchase", 101), (0, 1, "purchase", 101)]

    assert asked(events, BUY.model_copy(update={"exclude_seen": True}))[1] == [[0, 1]]


def test_many_users_are_sampled_by_the_seed():
    events = [(user, 0, "purchase", 101) for user in range(50)]

    first, again = (question_of(events, BUY, max_users=10) for _ in range(2))
    assert (first.relevant.shape[0], first.n_all) == (10, 50)
    assert (first.history != again.history).nnz == 0


def test_nobody_to_ask_for_is_an_error_with_a_remedy():
    with pytest.raises(BadInputError, match="test window"):
        asked([(0, 0, "purchase", 1)])


def test_what_is_done_after_the_window_is_not_looked_at():
    events = [(0, 0, "purchase", 101), (0, 1, "purchase", 150)]

    assert question_of(events, BUY, until_us=150).relevant.toarray().tolist() == [[1, 0]]


def test_sequences_are_the_histories_in_order():
    question = question_of([(1, 2, "view", 5), (1, 0, "view", 7), (1, 1, "purchase", 101)], BUY)

    assert question.users.tolist() == [1]
    assert question.sequences.items.tolist() == [2, 0]


def test_two_windows_of_equal_length_end_where_the_test_begins():
    span = windows(0, 100 * DAY_US, None)

    assert (span.learn_us, span.calibrate_us, span.cut_us) == (
        80 * DAY_US,
        90 * DAY_US,
        100 * DAY_US,
    )
    assert windows(0, 1000 * DAY_US, None).calibrate_us == 972 * DAY_US
    assert windows(0, 9 * DAY_US, 30).learn_us == 3 * DAY_US  # never more than there is
