import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.engines import DuckDBEngine, connect
from recomart.quality.profile import N_BINS, profile_table
from recomart.settings import EngineSettings

SCHEMA = pa.schema(
    {"item_id": "string", "price": "float64", "occurred_us": "int64", "available": "bool"}
)


@pytest.fixture(scope="module")
def engine():
    return DuckDBEngine(connect(EngineSettings(memory_limit="256MiB", threads=1)))


def profile(engine, rows, **options):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    found = profile_table(engine, engine.load("rows", table), len(table), **options)
    return found, {column.name: column for column in found.columns}


def row(item_id="mug", price=5.0, occurred_us=0, available=True):
    return dict(zip(SCHEMA.names, (item_id, price, occurred_us, available), strict=True))


def test_numbers_have_a_range_and_quantiles(engine):
    prices = [1.0, 2.0, 3.0, 4.0, None]
    _, columns = profile(engine, [row(price=price) for price in prices])
    found = columns["price"]

    assert (found.rows, found.nulls, found.distinct) == (5, 1, 4)
    assert (found.min, found.mean, found.max) == (1.0, 2.5, 4.0)
    assert found.quantiles["p50"] == 2.5


def test_text_has_its_most_frequent_values_first(engine):
    _, columns = profile(engine, [row("pen"), row("mug"), row("mug"), row(None)])

    assert [(top.value, top.n) for top in columns["item_id"].top] == [("mug", 2), ("pen", 1)]
    assert columns["item_id"].nulls == 1


def test_values_as_frequent_as_each_other_come_in_their_own_order(engine):
    _, columns = profile(engine, [row("pen"), row("mug"), row("cup")])

    assert [top.value for top in columns["item_id"].top] == ["cup", "mug", "pen"]


def test_times_and_truths_are_known_as_such(engine):
    _, columns = profile(engine, [row()])

    assert {name: column.kind for name, column in columns.items()} == {
        "item_id": "text", "price": "number", "occurred_us": "time", "available": "yes_no",
    }  # fmt: skip


def test_numbers_that_are_none_are_counted_and_left_out(engine):
    _, columns = profile(engine, [row(price=price) for price in (1.0, float("nan"), float("inf"))])

    assert columns["price"].not_finite == 2
    assert columns["price"].max == columns["price"].mean == 1.0


def test_one_outlier_does_not_flatten_the_histogram(engine):
    rows = [row(price=float(price)) for price in range(200)] + [row(price=1e9)]
    _, columns = profile(engine, rows)
    counts = columns["price"].histogram.counts

    assert min(counts) > 0
    assert sum(counts) == 201


def test_an_empty_table_has_columns_without_values(engine):
    found, columns = profile(engine, [])

    assert found.rows == 0
    assert columns["price"].nulls == 0
    assert columns["price"].histogram is None
    assert columns["item_id"].top == ()


def test_a_large_table_is_examined_in_part_and_counted_in_whole(engine):
    rows = [row(f"item {n}", float(n)) for n in range(2_000)]
    found, columns = profile(engine, rows, examine=500)
    again, _ = profile(engine, rows[::-1], examine=500)

    assert 300 < found.examined < 700
    assert not found.is_whole
    assert (columns["price"].min, columns["price"].max) == (0.0, 1999.0)
    assert again == found


@settings(max_examples=20)
@given(st.lists(st.none() | st.floats(width=32), max_size=30))
def test_every_number_is_null_not_finite_or_in_a_bin(engine, prices):
    found, columns = profile(engine, [row(price=price) for price in prices])
    price = columns["price"]
    binned = sum(price.histogram.counts) if price.histogram else 0

    assert price.nulls + price.not_finite + binned == found.rows == len(prices)
    assert price.histogram is None or len(price.histogram.counts) == N_BINS
