"""No feature of a moment knows what happens, or is learned, at that moment or later."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.features import definition
from recomart.features.views import VIEWS
from recomart.vocabulary import DAY_US, PREPARED_COLUMNS
from tests.features import shop
from tests.features.shop import AT_US, CATEGORIES, arrow, event, inputs, inputs_by_name, version

KINDS = st.sampled_from(["view", "add_to_cart", "purchase", "cancel", "rate"])
HISTORY = [version("mug", 50, 4.0, "cups"), version("pen", 50, 1.0, "pens")]


def at_times(times):
    """Events of ann and bob at the given (days before the moment, days until known)."""
    return st.lists(
        st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["mug", "pen"]), KINDS, times),
        max_size=6,
    )


before = st.tuples(st.floats(0.1, 40), st.just(0.0))
late = st.one_of(
    st.tuples(st.sampled_from([0.0, -0.5, -3.0]), st.just(0.0)),  # at the moment, or after
    st.tuples(st.floats(0.1, 5), st.sampled_from([6.0, 90.0])),  # before, but learned of later
)


def made(rows, first):
    events = []
    for number, (user, item, kind, (days_ago, delay)) in enumerate(rows, first):
        row = event(number, user, item, kind, days_ago, category_id="cups", price=2.0)
        events.append(row | {"arrived_us": row["occurred_us"] + int(delay * DAY_US)})
    return events


def answering(view):
    """Return what gives the rows of a view from the events of a shop."""
    everything = inputs_by_name()
    known = shop.known_before(everything.events, AT_US)
    ask = shop.asking(view.table(replace(everything, events=known)))
    told = {"history": arrow(HISTORY, shop.HISTORY), "categories": arrow([], CATEGORIES)}
    return lambda events: ask(events=arrow(events, PREPARED_COLUMNS), **told)


answering_once = cache(lambda name: answering(VIEWS[name]))


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=12)
@given(known=at_times(before), future=at_times(late))
def test_the_future_changes_nothing(name, known, future):
    values, past = answering_once(name), made(known, 1)

    assert values(past + made(future, 100)) == values(past)


def test_the_law_catches_a_leak(monkeypatch):
    past = made([("ann", "mug", "view", (1.0, 0.0))], 1)
    learned_late = made([("ann", "pen", "view", (2.0, 5.0))], 100)
    honest = answering(VIEWS["user_features"])(past)
    monkeypatch.setattr(
        "tests.features.shop.known_before",
        lambda events, at_us: events.filter(events.occurred_us < at_us),
    )

    assert answering(VIEWS["user_features"])(past + learned_late) != honest


def test_the_same_instant_is_not_known():
    rows = made([("ann", "mug", "view", (0.0, 0.0))], 1)
    kept = definition.known_before(inputs(rows, at_us=AT_US + 1).events, AT_US)

    assert kept.count().to_pyarrow().as_py() == 0
