"""The law of the offline store: a row knows only what had happened and arrived before it.

Each training row is made again from a history cut off at its moment; nothing may differ. The
same comparison must find every way of breaking the rule that we could think of.
"""

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recomart.engines import DuckDBEngine, asof, connect
from recomart.features import definition, offline
from recomart.features.definition import Inputs
from recomart.features.offline import OfflineStore, Wanted
from recomart.features.references import saved_entry
from recomart.features.registry import describe
from recomart.features.views import VIEWS
from recomart.settings import EngineSettings, FeatureSettings
from recomart.vocabulary import DAY_US, PREPARED_COLUMNS
from tests.features.shop import AT_US, CATEGORIES, HISTORY, event, table, version

SETTINGS = FeatureSettings()
KEYED = ("user_features", "item_features", "user_item_features", "price_features")
TREE = [{"category_id": "cups", "parent_id": "all", "path": "/all/cups", "depth": 1}]
SAVED = {"user_id": "string", "occurred_us": "int64", "arrived_us": "int64", "score": "int64"}
SCORE = saved_entry("score", "", "int64", "crm", "a model", "v1")
DAYS_AGO = [0, 0.5, 1, 7, 8, 30]
DELAYS = [0, 0, 1, DAY_US // 2, 7 * DAY_US]

told = st.tuples(
    st.sampled_from(["ann", "bob"]), st.sampled_from(DAYS_AGO), st.sampled_from(DELAYS)
)
happened = st.tuples(
    told,
    st.sampled_from(["mug", "pen"]),
    st.sampled_from(["view", "purchase", "cancel", "rate"]),
    st.sampled_from([None, 1.5, 4.0]),
)
asked = st.tuples(
    st.sampled_from(["ann", "bob"]), st.sampled_from(["mug", "pen"]), st.sampled_from(DAYS_AGO)
)
LATE = [
    (("ann", 1, 0), "mug", "view", 4.0),
    (("ann", 8, 7 * DAY_US), "mug", "view", 1.5),
    (("bob", 1, DAY_US // 2), "pen", "purchase", 4.0),
    (("ann", 0.5, 0), "pen", "rate", 4.0),
]
LATE_SCORES = [("ann", 8, 7 * DAY_US), ("ann", 1, 0), ("ann", 7, 7 * DAY_US), ("bob", 30, 0)]
QUESTIONS = [("ann", "mug", 1), ("ann", "mug", 0.5), ("bob", "pen", 0.5), ("ann", "pen", 0)]


class StoreOver(OfflineStore):
    """The offline store over tables in hand."""

    def __init__(self, engine, events, history, scores):
        super().__init__(engine, lake=None, settings=SETTINGS)
        self._inputs = Inputs(
            events=table(events, PREPARED_COLUMNS),
            categories=table(TREE, CATEGORIES),
            history=table(history, HISTORY),
            at_us=0,
            settings=SETTINGS,
        )
        self._scores = table(scores, SAVED)

    def _values(self, wanted):
        return self._scores


def world(made, scores):
    """Events, what they told of prices, and values that somebody saved."""
    events = [
        event(number, user, item, kind, days_ago, price=price, category_id="cups", rating=price)
        | {"arrived_us": AT_US - int(days_ago * DAY_US) + delay}
        for number, ((user, days_ago, delay), item, kind, price) in enumerate(made, 1)
    ]
    history = [
        version(row["item_id"], 0, row["price"], "cups")
        | {"valid_from_us": row["occurred_us"], "known_from_us": _known(row)}
        for row in {(row["item_id"], row["occurred_us"]): row for row in events}.values()
    ]
    values = {}
    for number, (user, days_ago, delay) in enumerate(scores):
        occurred = AT_US - int(days_ago * DAY_US)
        values[user, occurred, delay] = dict(
            zip(SAVED, (user, occurred, occurred + delay, number), strict=True)
        )
    return events, history, list(values.values())


def _known(row):
    return max(row["occurred_us"], row["arrived_us"])


def cut_off(rows, at_us):
    return [row for row in rows if row.get("known_from_us", _known_or_none(row)) < at_us]


def _known_or_none(row):
    return _known(row) if "arrived_us" in row else None


def answers(parts, questions):
    rows = pa.table(
        {
            "user_id": pa.array([q[0] for q in questions], pa.string()),
            "item_id": pa.array([q[1] for q in questions], pa.string()),
        }
    )
    at_us = pa.chunked_array([[AT_US - int(q[2] * DAY_US) for q in questions]], pa.int64())
    wanted = [
        Wanted(entry, entry.keys, {f.name: f"{entry.name}__{f.name}" for f in entry.features})
        for entry in (describe(VIEWS[name], SETTINGS) for name in KEYED)
    ]
    wanted.append(Wanted(SCORE, {"user_id": "string"}, {"score": "score"}))
    with DuckDBEngine(connect(EngineSettings(threads=1))) as engine:
        return StoreOver(engine, *parts).features_at(rows, at_us, wanted).to_pylist()


def assert_no_leak(made, scores, questions):
    parts = world(made, scores)
    found = answers(parts, questions)
    for question, row in zip(questions, found, strict=True):
        at_us = AT_US - int(question[2] * DAY_US)
        past = tuple(cut_off(rows, at_us) for rows in parts)

        assert answers(past, [question]) == [row]


@settings(max_examples=6, deadline=None)
@given(
    st.lists(happened, max_size=8),
    st.lists(told, max_size=6),
    st.lists(asked, min_size=1, max_size=4),
)
@example(LATE, LATE_SCORES, QUESTIONS)
def test_each_row_is_that_of_the_history_cut_off_at_its_moment(made, scores, questions):
    assert_no_leak(made, scores, questions)


def leaky_events(condition):
    def known_before(events, at_us, keys=()):
        seen = events.inner_join(at_us, list(keys)) if keys else events.cross_join(at_us)
        return seen.filter(condition(seen))

    return (definition, "known_before", known_before)


def leaky_history(condition):
    def history_before(inputs):
        told = inputs.at_each(inputs.history)
        return told.filter(condition(told, inputs.moment(told)))

    return history_before


def leaky_values(change):
    real = asof.latest_known

    def latest_known(rows, values, keys, wanted, *, has_asof):
        return real(*change(rows, values), keys, wanted, has_asof=has_asof)

    return (offline, "latest_known", latest_known)


LEAKS = {
    "events that arrive later": leaky_events(lambda e: e.occurred_us < e.at_us),
    "events of the same instant": leaky_events(
        lambda e: (e.occurred_us <= e.at_us) & (e.arrived_us <= e.at_us)
    ),
    "events of the future": leaky_events(lambda _: ibis.literal(value=True)),
    "values that arrive later": leaky_values(
        lambda rows, values: (rows, values.mutate(arrived_us=values.occurred_us))
    ),
    "values of the same instant": leaky_values(
        lambda rows, values: (rows.mutate(at_us=rows.at_us + 1), values)
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_law_finds_a_broken_join(leak, monkeypatch):
    monkeypatch.setattr(*LEAKS[leak])

    with pytest.raises(AssertionError):
        assert_no_leak(LATE, LATE_SCORES, QUESTIONS)


@pytest.mark.parametrize(
    "condition",
    [
        lambda told, at_us: told.valid_from_us < at_us,
        lambda told, at_us: told.known_from_us <= at_us,
        lambda *_: ibis.literal(value=True),
    ],
    ids=["told later", "told at the same instant", "any time"],
)
def test_the_law_finds_prices_that_were_not_known(condition, monkeypatch):
    for room in ("item", "price"):
        monkeypatch.setattr(f"recomart.features.{room}.history_before", leaky_history(condition))

    with pytest.raises(AssertionError):
        assert_no_leak(LATE, LATE_SCORES, QUESTIONS)


def test_late_news_replaces_nothing_newer():
    scores = [("ann", 8, 7 * DAY_US + 1), ("ann", 7, 0)]
    parts = world([], scores)

    assert [row["score"] for row in answers(parts, [("ann", "mug", 0)])] == [1]


def test_a_value_too_old_is_not_used():
    old = replace_days(SCORE, 7.0)
    parts = world([], [("ann", 8, 0)])
    rows = pa.table({"user_id": ["ann", "ann"]})
    at_us = pa.chunked_array([[AT_US, AT_US - DAY_US]], pa.int64())
    with DuckDBEngine(connect(EngineSettings())) as engine:
        wanted = [Wanted(old, {"user_id": "string"}, {"score": "score"})]
        found = StoreOver(engine, *parts).features_at(rows, at_us, wanted)

    assert found["score"].to_pylist() == [None, 0]


def replace_days(entry, days):
    return entry.model_copy(update={"fresh_days": days})
