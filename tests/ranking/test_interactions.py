"""From prepared events to arrays: in time order, over sorted id maps, cut at one moment."""

import ibis
import pyarrow as pa
import pytest

from recomart.errors import BadInputError
from recomart.ranking.interactions import cut_moment, learning_window, read_events
from recomart.settings import EvaluationSettings
from recomart.vocabulary import DAY_US

COLUMNS = {
    "event_id": "string",
    "user_id": "string",
    "item_id": "string",
    "event_type": "string",
    "strength": "float64",
    "occurred_us": "int64",
}
EVENTS = [
    ("e1", "bob", "pen", "view", 1.0, 10 * DAY_US),
    ("e2", "ann", "mug", "purchase", 5.0, 0),
    ("e3", "ann", "mug", "cancel", -5.0, 6 * DAY_US),
    ("e4", "ann", "pen", "rate", 0.0, 7 * DAY_US),
]


@pytest.fixture
def data(bench):
    bench.write("events", table(EVENTS))
    return read_events(bench)


def table(events):
    rows = [dict(zip(COLUMNS, event, strict=True)) for event in events]
    schema = ibis.schema(COLUMNS).to_pyarrow()
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def test_events_come_in_time_order_over_sorted_ids(data):
    assert data.user_ids.to_pylist() == ["ann", "bob"]
    assert data.item_ids.to_pylist() == ["mug", "pen"]
    assert data.users.tolist() == [0, 0, 0, 1]
    assert data.occurred_us.tolist() == sorted(data.occurred_us.tolist())


def test_a_cancelled_purchase_is_not_an_interaction(data):
    weights = data.interactions(11 * DAY_US).weights.toarray()

    assert weights.tolist() == [[0, 0], [0, 1]]


def test_before_it_was_cancelled_it_is_one(data):
    known = learning_window(data, 5 * DAY_US, None).interactions(5 * DAY_US)

    assert known.weights.toarray().tolist() == [[5, 0], [0, 0]]


def test_the_test_window_begins_at_one_moment_for_all(data):
    assert cut_moment(data, EvaluationSettings(test_days=1)) == 9 * DAY_US + 1
    assert cut_moment(data, EvaluationSettings(test_share=0.5)) == 5 * DAY_US + 1


def test_a_window_longer_than_the_data_begins_with_it(data):
    assert cut_moment(data, EvaluationSettings(test_days=99)) == 0


def test_only_the_last_days_are_learned_from(data):
    assert len(learning_window(data, 8 * DAY_US, 2).users) == 2


def test_no_events_are_an_error_with_a_remedy(bench):
    bench.write("events", table([]))

    with pytest.raises(BadInputError, match="no prepared events"):
        read_events(bench)
