"""Law: what the event log takes is a valid row in the lake, as it was sent and when it arrived."""

import tempfile
from contextlib import closing, suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recomart.errors import BadEventError
from recomart.events import Event, EventFile, parse_event
from recomart.vocabulary import EVENT_COLUMNS, EVENT_TYPES
from tests.events.made import NOW_US
from tests.quality.shop import Shop

TEXTS = st.text(min_size=1, max_size=20) | st.sampled_from(
    [
        "a,b",
        '"',
        'a"b',
        "'",
        "\\",
        "#",
        "NULL",
        "null",
        "nan",
        "-",
        "=1+1",
        "\ufeffx",
        "👩‍🚀",
        "a\u00a0b",
    ]
)
NUMBERS = st.none() | st.floats(0, 1e12) | st.integers(0, 10**12)
SENT = st.fixed_dictionaries(
    {
        "user_id": TEXTS,
        "item_id": TEXTS,
        "event_type": st.sampled_from(EVENT_TYPES),
        "timestamp": st.integers(10**15, NOW_US),
        "rating": st.floats(1, 5) | st.integers(1, 5),
    },
    optional={
        "event_id": TEXTS,
        "device": TEXTS,
        "session_id": TEXTS,
        "transaction_id": TEXTS,
        "recommendation_id": TEXTS,
        "price": NUMBERS,
        "quantity": NUMBERS,
    },
)


def taken(sent):
    """Yield the events that pass the door, each of which arrived a little later."""
    for number, one in enumerate(sent):
        with suppress(BadEventError):
            yield parse_event(one, NOW_US + number)


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SENT, min_size=8, max_size=30))
def test_what_the_log_takes_is_a_valid_row(sent):
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), kind="event_log", path="events.sqlite")
        with closing(EventFile(Path(folder) / "events.sqlite")) as log_file:
            log_file.add(list(taken(sent)))
            events = [event._asdict() for _, event in log_file.read_after(0, 100)]
        shop.run(now_us=NOW_US + 10)
        rows = shop.bench().read("valid_s").to_pyarrow().to_pylist()

    ours = {"session_id": "shop_session_id"}
    assert {ours.get(name, name) for name in Event._fields} < set(EVENT_COLUMNS)
    assert [{name: row[ours.get(name, name)] for name in Event._fields} for row in rows] == events
