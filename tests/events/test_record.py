"""Reading an event strictly: what does not fit is refused, field by field, and nothing guessed."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import BadEventError
from recomart.events import Event, parse_event
from recomart.events.record import MOST_FAULTS, moment_us
from recomart.vocabulary import EVENT_TYPES, MINUTE_US
from tests.events.made import NOW_US

CLICK = {
    "user_id": "ann",
    "item_id": "mug",
    "event_type": "click",
    "timestamp": "2025-12-31T23:00:00Z",
}
HOUR_BEFORE_US = NOW_US - 60 * MINUTE_US
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = sorted({*CLICK, *Event._fields, "occurred_at"} - {"occurred_us", "arrived_us"})


def faults_of(**changes):
    with pytest.raises(BadEventError) as refused:
        parse_event({**CLICK, **changes}, NOW_US)
    return dict(refused.value.faults)


def test_an_event_is_read():
    told = {"session_id": "s", "device": "phone", "price": 3, "recommendation_id": "r1"}
    told |= {"event_id": "e1", "quantity": None, "transaction_id": "t1"}

    event = parse_event({**CLICK, **told}, NOW_US)

    assert event[:9] == ("e1", "ann", "mug", "click", HOUR_BEFORE_US, NOW_US, "s", "phone", 3.0)
    assert (event.quantity, event.rating) == (None, None)
    assert (event.transaction_id, event.recommendation_id) == ("t1", "r1")


@pytest.mark.parametrize(
    "moment",
    [
        "2025-12-31T23:00:00Z",
        "2025-12-31 23:00:00.000000Z",
        "2025-12-31T23:00:00.000000999Z",
        "2026-01-01T01:00+02:00",
        "2025-12-31t19:30:00-0330",
        HOUR_BEFORE_US,
        HOUR_BEFORE_US // 1_000,
        HOUR_BEFORE_US // 1_000_000,
        HOUR_BEFORE_US / 1e6,
        HOUR_BEFORE_US / 1e3,
    ],
)
def test_one_moment_may_be_told_in_many_ways(moment):
    assert parse_event({**CLICK, "timestamp": moment}, NOW_US).occurred_us == HOUR_BEFORE_US


def test_a_fraction_of_a_second_is_kept_to_the_microsecond():
    assert moment_us("1970-01-01T00:00:00.1234567Z") == 123_456
    assert moment_us("1970-01-01T00:00:01.5+00:01") == 1_500_000 - MINUTE_US


@pytest.mark.parametrize(
    ("moment", "fault"),
    [
        ("2025-12-31T23:00:00", "neither"),  # in which zone?
        ("2025-12-31", "neither"),
        ("2025-02-30T00:00:00Z", "neither"),
        ("2025-12-31T23:00:60Z", "neither"),
        ("2025-12-31T23:00:00+24:00", "neither"),
        ("\uff12025-12-31T23:00:00Z", "neither"),  # a digit, but not one of ours
        ("1767222000", "neither"),
        (True, "neither"),
        (math.nan, "neither"),
        (-math.inf, "neither"),
        ([], "neither"),
        (-1e308, "before 2000"),
        (0, "before 2000"),
        ("1999-12-31T23:59:59Z", "before 2000"),
        (NOW_US + 6 * MINUTE_US, "in the future"),
        (10**400, "in the future"),
        (1e308, "in the future"),
        (None, "is missing"),
    ],
)
def test_a_moment_that_is_none_is_refused(moment, fault):
    [found] = faults_of(timestamp=moment).values()

    assert fault in found


def test_a_moment_is_told_once():
    assert "both" in faults_of(occurred_at="2025-12-31T23:00:00Z")["occurred_at"]
    assert parse_event({**CLICK, "timestamp": None, "occurred_at": HOUR_BEFORE_US}, NOW_US)


def test_a_clock_may_be_a_little_ahead():
    assert parse_event({**CLICK, "timestamp": NOW_US + 5 * MINUTE_US}, NOW_US)


@pytest.mark.parametrize("field", ["user_id", "item_id", "event_id", "session_id"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "is empty"),
        (" \n ", "is empty"),
        ("x" * 257, "longer than 256"),
        ("a\tb", "control character"),
        ("a\x85b", "control character"),
        ("a\ud800", "surrogate"),
        (" ann", "white space"),
        ("ann\u3000", "white space"),
        (7, "no text"),
        (True, "no text"),
        (["ann"], "no text"),
    ],
)
def test_a_text_that_cannot_be_kept_is_refused(field, value, fault):
    assert fault in faults_of(**{field: value})[field]


@pytest.mark.parametrize("value", ["buy", "", "View", 1, True, [], {"view": 1}])
def test_an_event_type_is_one_of_those_that_are_known(value):
    assert "is none of view," in faults_of(event_type=value)["event_type"]


@pytest.mark.parametrize("value", ["Ünï", "x" * 256, 'a,"b', "👩‍🚀", "a b"])
def test_any_other_text_is_kept_as_it_is(value):
    assert parse_event({**CLICK, "item_id": value}, NOW_US).item_id == value


@pytest.mark.parametrize("field", ["price", "quantity", "rating"])
@pytest.mark.parametrize("value", [True, "3", math.nan, math.inf, -1, 10**30, [1]])
def test_a_number_is_finite_and_within_its_range(field, value):
    assert field in faults_of(**{field: value})


def test_who_rates_gives_a_rating():
    assert "is missing" in faults_of(event_type="rate")["rating"]
    assert parse_event({**CLICK, "event_type": "rate", "rating": 5}, NOW_US).rating == 5


def test_every_fault_is_told_at_once():
    found = faults_of(user_id=None, event_type="buy", price=-1, colour="red", timestamp=0)

    assert list(found) == ["user_id", "timestamp", "'colour'", "event_type", "price"]


def test_faults_are_bounded_and_can_be_printed():
    with pytest.raises(BadEventError) as refused:
        parse_event({f"\ud800{n}" * 50: n for n in range(1_000)}, NOW_US)

    assert len(refused.value.faults) == MOST_FAULTS
    assert len(str(refused.value).encode()) < 1_000


def test_what_is_no_object_is_refused():
    with pytest.raises(BadEventError, match="is no object"):
        parse_event([CLICK], NOW_US)


def test_the_same_event_sent_again_gets_the_same_id():
    first, again = (parse_event(CLICK, NOW_US + n) for n in (0, 7))
    others = [
        parse_event({**CLICK, field: value}, NOW_US)
        for field, value in {
            "user_id": "bob",
            "item_id": "pen",
            "event_type": "view",
            "timestamp": HOUR_BEFORE_US + 1,
            "transaction_id": "t",
        }.items()
    ]

    assert first.event_id == again.event_id
    assert len({first.event_id, *(event.event_id for event in others)}) == 6


def is_read_or_refused(told):
    try:
        event = parse_event(told, NOW_US)
    except BadEventError as error:
        return bool(error.faults)
    return event.event_type in EVENT_TYPES and json.dumps(event, ensure_ascii=False).encode()


@given(JSON)
def test_any_json_value_is_read_or_refused(value):
    for told in (value, {**CLICK, "price": value}, {**CLICK, "timestamp": value}):
        assert is_read_or_refused(told)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_values_in_the_right_fields_are_read_or_refused(changes):
    assert is_read_or_refused({**CLICK, **changes})


TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=256,
).filter(lambda text: text == text.strip())


@given(
    st.fixed_dictionaries(
        {"user_id": TEXTS, "item_id": TEXTS, "event_type": st.sampled_from(EVENT_TYPES)},
        optional={"event_id": TEXTS, "device": TEXTS, "price": st.floats(0, 1e12)},
    ),
    st.integers(1_000_000_000_000_000, NOW_US),
)
def test_a_valid_event_is_read_as_it_was_written(told, at_us):
    told |= {"rating": 4.5, "occurred_at": at_us}

    event = parse_event(json.loads(json.dumps(told)), NOW_US)

    assert {name: value for name, value in event._asdict().items() if name in told} == {
        name: value for name, value in told.items() if name != "occurred_at"
    }
    assert event.occurred_us == at_us


def test_the_room_is_imported_light():
    script = "import sys, recomart.events; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    loaded = set(done.stdout.decode().split())
    assert loaded.isdisjoint({"pydantic", "pyarrow", "numpy", "ibis", "duckdb", "pandas"})
