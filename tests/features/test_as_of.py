"""Point in time: the features of many entities, each at a moment of its own."""

from dataclasses import replace
from functools import cache

import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recomart.features.definition import as_of, known_before
from recomart.features.stage import build_features
from recomart.features.views import VIEWS
from recomart.settings import FeatureSettings
from recomart.vocabulary import DAY_US, PREPARED_COLUMNS
from tests.features.shop import (
    AT_US,
    CATEGORIES,
    arrow,
    asking,
    event,
    inputs,
    inputs_by_name,
    table,
    version,
)
from tests.features.shop import HISTORY as HISTORY_COLUMNS

NOON_BEFORE = AT_US - DAY_US // 2
MOMENTS = (AT_US, NOON_BEFORE, AT_US - 7 * DAY_US)
TREE = [
    {"category_id": "cups", "parent_id": "all", "path": "/all/cups", "depth": 1},
    {"category_id": "pens", "parent_id": "all", "path": "/all/pens", "depth": 1},
]
HISTORY = [version("mug", 50, 4.0, "cups", 7), version("mug", 7, 5.0, "cups")]
KEYS = {
    "user_id": ["ann", "bob", "nobody"],
    "item_id": ["mug", "pen", "ünknown"],
    "other_item_id": ["mug", "pen"],
    "session_id": ["ann-99", "bob-93"],
    "category_id": ["cups", "pens"],
    "day_of_week": [4, 5],
    "hour": [0, 6, 12],
}
rows = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["mug", "pen", "pan"]),
        st.sampled_from(["view", "add_to_cart", "purchase", "cancel", "rate"]),
        st.sampled_from([-1, 0, 0.25, 0.5, 0.75, 1, 6.5, 7, 7.25, 8, 13, 14, 31]),
        st.sampled_from([0, 0, 0, 1, 5]),
        st.sampled_from([None, 1.1, 2.3, 4.0]),
    ),
    max_size=12,
)

BUSY = [
    ("ann", "mug", "view", 0.75, 0, 1.1),
    ("ann", "pen", "view", 0.75, 0, 2.3),
    ("ann", "mug", "purchase", 0.25, 0, 1.1),
    ("bob", "mug", "view", 7.25, 0, None),
    ("bob", "mug", "rate", 8, 0, 4.0),
    ("ann", "mug", "rate", 0.5, 1, 2.3),
]
"""Two items in a session, something new between the moments, something learned late."""


def events_of(made):
    events = []
    for number, (user, item, kind, days_ago, delay, amount) in enumerate(made, 1):
        named = {"category_id": {"mug": "cups", "pen": "pens"}.get(item), "price": amount}
        rating = amount if kind == "rate" else None
        row = event(number, user, item, kind, days_ago, **named, rating=rating)
        events.append(row | {"arrived_us": row["occurred_us"] + delay * DAY_US})
    return events


def everything(events):
    """What the lake holds: all events, those not yet known included."""
    return replace(inputs(events, HISTORY, TREE), events=table(events, PREPARED_COLUMNS))


def questions(view, at=MOMENTS):
    """Ask for every combination of keys at every moment, some twice."""
    asked = [{"at_us": at_us} for at_us in at]
    for key in view.keys:
        asked = [row | {key: value} for row in asked for value in KEYS[key]]
    columns = {"n": "int64", "at_us": "int64", **view.keys}
    return [{"n": n, **row} for n, row in enumerate([*asked, asked[0]])], columns


def answers(view, given, at=MOMENTS):
    asked, columns = questions(view, at)
    found = as_of(table(asked, columns), view, given).order_by("n").to_pyarrow().to_pylist()
    return asked, found


def snapshot(view, given, at_us):
    """The view for every entity as of one moment, by key."""
    known = known_before(given.events, at_us)
    found = view.table(replace(given, events=known, at_us=at_us)).to_pyarrow().to_pylist()
    return {tuple(row[key] for key in view.keys): row for row in found}


class Law:
    """A view asked in both ways about events that are told later."""

    def __init__(self, view):
        self.view, given = view, inputs_by_name()
        asked = ibis.table({"n": "int64", "at_us": "int64", **view.keys}, name="asked")
        self.ask_many = asking(as_of(asked, view, given).order_by("n"))
        self.ask_one = {
            at_us: asking(
                view.table(replace(given, events=known_before(given.events, at_us), at_us=at_us))
            )
            for at_us in MOMENTS
        }

    def told(self, events):
        return {
            "events": arrow(events, PREPARED_COLUMNS),
            "history": arrow(HISTORY, HISTORY_COLUMNS),
            "categories": arrow(TREE, CATEGORIES),
        }

    def answers(self, events, at=MOMENTS):
        asked, columns = questions(self.view, at)
        return asked, self.ask_many(asked=arrow(asked, columns), **self.told(events))

    def snapshot(self, events, at_us):
        """The view for every entity as of one moment, by key."""
        found = self.ask_one[at_us](**self.told(events))
        return {tuple(row[key] for key in self.view.keys): row for row in found}


law_of = cache(lambda name: Law(VIEWS[name]))


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=5, deadline=None)
@given(made=rows)
@example(made=BUSY)
def test_each_answer_is_that_of_the_snapshot_of_its_moment(name, made):
    view, law, events = VIEWS[name], law_of(name), events_of(made)
    snapshots = {at_us: law.snapshot(events, at_us) for at_us in MOMENTS}
    asked, found = law.answers(events)

    for question, answer in zip(asked, found, strict=True):
        key = tuple(question[column] for column in view.keys)
        nothing = dict.fromkeys(view.columns(FeatureSettings()))
        assert answer == {**nothing, **snapshots[question["at_us"]].get(key, {}), **question}


@pytest.mark.parametrize("name", ["user_features", "item_features", "category_features"])
@settings(max_examples=5, deadline=None)
@given(made=rows)
@example(made=BUSY)
def test_an_answer_is_that_of_the_history_cut_off_at_its_moment(name, made):
    law, events = law_of(name), events_of(made)
    before = [e for e in events if max(e["occurred_us"], e["arrived_us"]) < NOON_BEFORE]
    _, found = law.answers(events, [NOON_BEFORE])
    _, expected = law.answers(before, [NOON_BEFORE])

    assert found == expected


@pytest.mark.parametrize(
    "leaking",
    [
        lambda seen, at_us: seen.occurred_us < at_us,
        lambda seen, at_us: (seen.occurred_us <= at_us) & (seen.arrived_us < at_us),
        lambda seen, at_us: (seen.occurred_us < at_us) & (seen.arrived_us <= at_us),
    ],
    ids=["arrival forgotten", "same instant happened", "same instant arrived"],
)
def test_the_comparison_catches_a_leak(monkeypatch, leaking):
    def leaky(events, moments, keys=()):
        seen = events.inner_join(moments, list(keys)) if keys else events.cross_join(moments)
        return seen.filter(leaking(seen, seen.at_us))

    soon = event(1, "ann", "mug", "view", 0.5)
    late = event(2, "ann", "mug", "view", 0.75) | {"arrived_us": NOON_BEFORE}
    later = event(3, "ann", "mug", "view", 0.75) | {"arrived_us": AT_US}
    early = event(4, "ann", "mug", "view", 0.5) | {"arrived_us": NOON_BEFORE - 1}
    given = everything([soon, late, later, early])
    _, honest = answers(VIEWS["user_features"], given, [NOON_BEFORE])
    monkeypatch.setattr("recomart.features.definition.known_before", leaky)
    _, found = answers(VIEWS["user_features"], given, [NOON_BEFORE])

    assert found != honest


def test_no_row_is_lost_or_added_and_other_columns_stay():
    asked = [{"label": x, "user_id": "ann", "at_us": AT_US} for x in "ab"]
    moments = table(asked, {"label": "string", "user_id": "string", "at_us": "int64"})
    found = as_of(moments, VIEWS["user_features"], everything([event(1, "ann", "mug", "view", 1)]))

    assert found.columns[:3] == ("label", "user_id", "at_us")
    assert found.order_by("label").to_pyarrow()["label"].to_pylist() == ["a", "b"]
    assert found.to_pyarrow()["total_interactions"].to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("days_ago", "more_us", "expected"),
    [(7, 0, 1), (7, -1, 0), (0, -1, 1), (0, 0, None)],
    ids=["first instant", "just before it", "last instant", "the moment itself"],
)
def test_edges_of_the_window(days_ago, more_us, expected):
    row = event(1, "ann", "mug", "view", days_ago)
    row |= {"occurred_us": row["occurred_us"] + more_us, "arrived_us": row["arrived_us"] + more_us}
    _, found = answers(VIEWS["user_features"], everything([row]), [AT_US])

    assert found[0]["interactions_7d"] == expected


@pytest.mark.parametrize(("from_us", "expected"), [(AT_US - 1, 5.0), (AT_US, 4.0)])
def test_a_price_of_the_same_instant_is_not_known(from_us, expected):
    old, new = version("mug", 50, 4.0) | {"valid_to_us": from_us}, version("mug", 0, 5.0)
    new |= {"valid_from_us": from_us, "known_from_us": from_us}
    given = inputs([event(1, "ann", "mug", "view", 1)], [old, new])

    assert snapshot(VIEWS["item_features"], given, AT_US)["mug",]["price"] == expected


def test_a_session_of_two_events_has_two_last_items():
    views = [event(n, "ann", item, "view", 1, session_id="s") for n, item in enumerate("ab", 1)]
    session = snapshot(VIEWS["session_features"], everything(views), AT_US)["s",]

    assert (session["n_items"], session["last_item"], session["last_item_2"]) == (2, "b", "a")


def test_amounts_are_summed_without_regard_to_the_order_of_rows():
    prices = [0.1, 1e8, 0.2, 0.3, 1e-6, 7e8, 0.7]
    rows = [event(n, "ann", "mug", "view", 1, price=p) for n, p in enumerate(prices)]
    means = {
        snapshot(VIEWS["user_features"], everything(order), AT_US)["ann",]["avg_price"]
        for order in (rows, rows[::-1], rows[3:] + rows[:3])
    }

    assert means == {(800_000_000_000_000 + 1_300_001) / 7 / 1e6}


def test_an_absurd_price_is_cut_instead_of_ending_the_run():
    rows = [event(n, "ann", "mug", "view", 1, price=1e300) for n in range(2)]
    found = snapshot(VIEWS["user_features"], everything(rows), AT_US)["ann",]

    assert found["avg_price"] == 1e9


def test_the_stage_waits_for_the_newest_event_to_be_known(make_bench):
    happened = event(1, "ann", "mug", "view", 3)
    happened["arrived_us"] += DAY_US
    bench = make_bench("features")
    bench.write("events", table([happened], PREPARED_COLUMNS))
    bench.write("catalogue", table([], {"item_id": "string"}))
    bench.write("categories", table([], CATEGORIES))
    bench.write("item_history", table([], HISTORY_COLUMNS))
    build_features(bench)
    users = bench.con.to_pyarrow(bench.read("user_features"))

    assert users["total_interactions"].to_pylist() == [1]
    assert users["days_since_last_interaction"].to_pylist() == [pytest.approx(1)]
