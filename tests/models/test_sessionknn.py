"""Session kNN votes as the formula says, and reads order, recency and sessions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import ArtefactError, BadInputError
from recomart.models.interactions import Interactions
from recomart.models.sequences import Sequences
from recomart.models.sessionknn import SessionKNN, SessionKNNConfig
from recomart.testing.recommenders import ExactRecommenderTests
from recomart.vocabulary import DAY_US, HOUR_US, MINUTE_US

N_ITEMS = 5


class TestSessionKNN(ExactRecommenderTests):
    def make(self):
        return SessionKNN()


def shop(sessions, n_users=None):
    """Sessions as (user, start, items); items a minute apart."""
    events = [
        (user, item, start + place * MINUTE_US)
        for user, start, items in sessions
        for place, item in enumerate(items)
    ]
    users, items, when = (np.array(part) for part in zip(*events, strict=True))
    shape = (n_users or int(users.max()) + 1, N_ITEMS)
    return Interactions.from_events(users, items, np.ones(len(users)), when, shape=shape)


def running(*sessions):
    items = np.concatenate([np.array(s, dtype=np.int32) for s in sessions])
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sessions])]).astype(np.int64)
    return Sequences(items.astype(np.int32), np.zeros(len(items), dtype=np.int64), starts, N_ITEMS)


def naive(sessions, now_us, history, config):
    """The formula, in loops."""
    total = np.zeros(N_ITEMS)
    held = [{item: place for place, item in enumerate(items)} for _, _, items in sessions]
    back = {item: len(history) - 1 - place for place, item in enumerate(history)}
    for (_, start, items), last in zip(sessions, held, strict=True):
        shared = [i for i in last if i in back]
        if not shared:
            continue
        ended = start + (len(items) - 1) * MINUTE_US
        age = 2 ** (-(now_us - ended) / DAY_US / config.half_life_days)
        like = sum(np.exp(-back[i] / config.position_decay) for i in shared)
        like *= age / np.sqrt(len(last))
        latest = min(shared, key=lambda i: back[i])
        for item, place in last.items():
            away = abs(place - last[latest])
            total[item] += like * np.exp(-away / config.distance_decay)
    n_holding = np.array([sum(i in last for last in held) for i in range(N_ITEMS)])
    idf = np.log1p(len(sessions) / np.maximum(n_holding, 1)) ** config.idf_exponent
    return np.where(total > 0, total * idf, -np.inf)


walks = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=5)


@given(st.lists(walks, min_size=1, max_size=8), walks)
def test_scores_are_those_of_the_formula(made, history):
    sessions = [(user, user * HOUR_US, items) for user, items in enumerate(made)]
    known = shop(sessions)
    model = SessionKNN().fit(known)
    expected = naive(sessions, known.now_us, history, model.config)

    np.testing.assert_allclose(model.scores_of(running(history))[0], expected, rtol=1e-4)


def test_what_came_next_comes_first():
    model = SessionKNN().fit(shop([(0, 0, [0, 1, 2]), (2, 0, [3, 1, 4])]))

    assert model.recommend_next(running([0, 1]), 1).items.tolist() == [[2]]
    assert model.recommend_next(running([3, 1]), 1).items.tolist() == [[4]]


def test_order_matters():
    model = SessionKNN().fit(shop([(0, 0, [0, 2]), (1, 0, [1, 3])]))

    assert model.recommend_next(running([1, 0], [0, 1]), 1).items.tolist() == [[2], [3]]


def test_recent_sessions_count_more():
    old, new = (0, 0, [0, 1]), (1, 90 * DAY_US, [0, 2])

    assert SessionKNN().fit(shop([old, new])).recommend_next(running([0]), 2).items[0, 0] == 2


def test_a_silence_parts_what_one_user_did():
    model = SessionKNN().fit(shop([(0, 0, [0, 1]), (0, 5 * HOUR_US, [2, 3])]))

    assert model.recommend_next(running([0]), 3).items.tolist() == [[1, -1, -1]]


def test_only_the_most_recent_sessions_of_an_item_and_the_nearest_vote():
    sessions = [(user, user * DAY_US, [0, 1 + user % 4]) for user in range(8)]
    few = SessionKNN(SessionKNNConfig(sessions_per_item=2)).fit(shop(sessions))
    nearest = SessionKNN(SessionKNNConfig(neighbours=1)).fit(shop(sessions))

    assert set(few.recommend_next(running([0]), 4).items[0].tolist()) == {3, 4, -1}
    assert nearest.recommend_next(running([0]), 4).items.tolist() == [[4, -1, -1, -1]]


def test_a_session_of_unheard_items_or_none_has_no_neighbours():
    model = SessionKNN().fit(shop([(0, 0, [0, 1])]))

    assert model.recommend_next(running([4], []), 2).items.tolist() == [[-1, -1], [-1, -1]]


def test_contributions_sum_to_the_score():
    model = SessionKNN().fit(shop([(0, 0, [0, 1, 2]), (1, 0, [1, 2])]))
    history = running([0, 1]).histories()

    parts = model.contributions(history, 2)
    assert parts.sum() == pytest.approx(model.scores(history)[0, 2], rel=1e-5)
    assert model.contributions(history, 4).tolist() == [0, 0]


def test_sequences_over_other_items_are_refused():
    other = Sequences(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(1, np.int64), 9)

    with pytest.raises(BadInputError, match="9 items"):
        SessionKNN().fit(shop([(0, 0, [0])])).recommend_next(other, 1)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("idf", lambda a: a[:-1]),
        ("idf", lambda a: a * np.float32(np.nan)),
        ("session_items", lambda a: a + 7),
        ("item_sessions", lambda a: a - 1),
        ("item_starts", lambda a: a[::-1]),
        ("session_starts", lambda a: a[:0]),
        ("item_positions", lambda a: a[:-1]),
        ("session_weights", lambda a: a.astype(np.float64)),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(name, change):
    arrays = SessionKNN().fit(shop([(0, 0, [0, 1, 2]), (1, 0, [1, 2])])).arrays()
    arrays[name] = change(arrays[name])

    with pytest.raises(ArtefactError):
        SessionKNN.from_arrays(SessionKNNConfig(), arrays)
