"""Next-item: every event but the first is asked for, after what was before it."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recomart.evaluation.nextitem import NextItem, cut_sessions, next_item
from recomart.models.interactions import Interactions
from recomart.models.popularity import Popularity
from recomart.models.sequences import Sequences
from recomart.models.sessionknn import SessionKNN

N_ITEMS = 4


def sequences(sessions):
    items = np.array([item for session in sessions for item in session], dtype=np.int32)
    starts = np.cumsum([0, *map(len, sessions)]).astype(np.int64)
    return Sequences(items, np.arange(len(items), dtype=np.int64), starts, N_ITEMS)


@given(
    st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=5), max_size=5),
    st.lists(st.booleans(), min_size=N_ITEMS, max_size=N_ITEMS),
)
def test_each_prefix_is_asked_about_once(sessions, heard):
    asked = NextItem.of(sequences(sessions), np.array(heard))
    expected = [
        (session[:end], session[end])
        for session in ([i for i in s if heard[i]] for s in sessions)
        for end in range(1, len(session))
    ]
    starts = asked.prefixes.starts
    prefixes = [asked.prefixes.items[a:b].tolist() for a, b in itertools.pairwise(starts)]

    assert list(zip(prefixes, asked.targets.tolist(), strict=True)) == expected


def interactions(sessions, start):
    rows = [
        (user, item, start + 10 * place)
        for user, session in enumerate(sessions)
        for place, item in enumerate(session)
    ]
    users, items, when = (np.array(part) for part in zip(*rows, strict=True))
    shape = (len(sessions), N_ITEMS)
    return Interactions.from_events(users, items, np.ones(len(rows)), when, shape=shape)


def test_hits_and_reciprocal_ranks():
    known, later = interactions([[0, 1], [0, 1], [0, 2]], 0), interactions([[0, 1, 3], [0, 2]], 99)
    asked, heard = cut_sessions(known, later, 1_000)

    assert heard.tolist() == [True, True, True, False]
    assert asked.targets.tolist() == [1, 2]
    after = next_item(SessionKNN().fit(known), asked, k=3)
    alone = next_item(Popularity().fit(known), asked, k=1)
    assert after == {"hit_rate@3": 1.0, "mrr@3": 0.5 * (1 / 2 + 1 / 3)}
    assert alone == {"hit_rate@1": 0.0, "mrr@1": 0.0}
