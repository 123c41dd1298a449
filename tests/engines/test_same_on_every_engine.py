"""Every view, on DuckDB, PostgreSQL and Spark, over the same random shop: the same rows.

Whatever asks Spark stands here, so that one worker begins it.
"""

import math
import random
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recomart.engines.asof import latest_known
from recomart.features.definition import as_of, known_before
from recomart.features.views import VIEWS
from recomart.vocabulary import DAY_US, HOUR_US
from tests.engines.shops import KEYS, MOMENTS, SHOPS, inputs_of

ENGINES = ("postgres", pytest.param("spark", marks=pytest.mark.long))
pytestmark = pytest.mark.usefixtures("pandas_allowed")


def rows_of(engine, view, inputs, at_us):
    given = replace(inputs, events=known_before(inputs.events, at_us), at_us=at_us)
    return engine.stream(view.table(given)).read_all()


def assert_same(found, expected):
    assert found.schema.equals(expected.schema)
    assert found.num_rows == expected.num_rows
    for name in expected.column_names:
        mine, its = found[name].to_pylist(), expected[name].to_pylist()
        for row, (one, other) in enumerate(zip(mine, its, strict=True)):
            same = one == other or (
                isinstance(one, float)
                and isinstance(other, float)
                and math.isclose(one, other, rel_tol=1e-9)
            )
            assert same, f"{name}, row {row}: {one!r}, not {other!r}"


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("shop", SHOPS)
def test_every_view_is_the_same_as_of_one_moment(engine, duckdb_engine, shop):
    here, there = inputs_of(duckdb_engine, shop), inputs_of(engine, shop)
    for view in VIEWS.values():
        expected = rows_of(duckdb_engine, view, here, MOMENTS[-1])

        assert_same(rows_of(engine, view, there, MOMENTS[-1]), expected)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_every_view_is_the_same_as_of_many_moments(engine, duckdb_engine):
    here, there = inputs_of(duckdb_engine, "random"), inputs_of(engine, "random")
    for view in VIEWS.values():
        asked = [{"at_us": at_us} for at_us in MOMENTS]
        for key in view.keys:
            values = KEYS.get(key, range(7))
            asked = [row | {key: value} for row in asked for value in values]
        schema = pa.schema(
            [("n", pa.int64()), ("at_us", pa.int64())]
            + [(k, pa.string() if t == "string" else pa.int64()) for k, t in view.keys.items()]
        )
        table = pa.Table.from_pylist([{"n": n, **r} for n, r in enumerate(asked)], schema=schema)
        answers = [
            e.stream(as_of(e.load("asked", table), view, i).order_by("n")).read_all()
            for e, i in ((duckdb_engine, here), (engine, there))
        ]

        assert_same(answers[1], answers[0])


def test_the_random_shop_has_what_makes_engines_differ(duckdb_engine):
    events = duckdb_engine.stream(inputs_of(duckdb_engine, "random").events).read_all()
    times = events["occurred_us"].to_pylist()

    assert any(t % DAY_US == 0 for t in times)
    assert any(t % DAY_US == DAY_US - 1 for t in times)
    assert len(set(times)) < len(times)
    assert any(t % HOUR_US for t in times)
    assert events["price"].null_count > 0
    assert any(ord(c) > 0xFFFF for user in events["user_id"].to_pylist() for c in user)


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES], indirect=True)
def test_a_column_that_a_file_has_not_is_null(engine, tmp_path):
    files = {"new": {"a": ["y"], "b": [1.5]}, "old": {"a": ["x"]}}
    for name, rows in files.items():
        pq.write_table(pa.table(rows), tmp_path / name)
    told = engine.read(
        "told",
        [tmp_path / name for name in ("old", "new")],
        {"a": "string", "b": "float64", "c": "int32"},
    )
    rows = engine.stream(told.order_by("a")).read_all()

    assert rows.to_pylist() == [{"a": "x", "b": None, "c": None}, {"a": "y", "b": 1.5, "c": None}]
    assert rows.schema.types == [pa.string(), pa.float64(), pa.int32()]


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES], indirect=True)
def test_a_sum_is_of_the_type_that_was_promised(engine):
    told = engine.load("told", pa.table({"v": [1, 2, 3]}))
    sums = engine.stream(told.aggregate(n=(told.v > 1).sum(), total=told.v.sum())).read_all()

    assert sums.to_pylist() == [{"n": 2, "total": 6}]


def values_and_rows(rng, n=400):
    users = KEYS["user_id"]
    values = {}
    for number in range(n):
        key = (rng.choice(users), rng.randrange(40), rng.randrange(60))
        values[key] = {"user_id": key[0], "occurred_us": key[1], "arrived_us": key[2], "v": number}
    rows = [{"n": n, "user_id": rng.choice(users), "at_us": rng.randrange(70)} for n in range(n)]
    return pa.Table.from_pylist(list(values.values())), pa.Table.from_pylist(rows)


def newest_known(values, row):
    """The rule, said slowly."""
    known = [
        v
        for v in values
        if v["user_id"] == row["user_id"] and max(v["occurred_us"], v["arrived_us"]) < row["at_us"]
    ]
    best = max(known, key=lambda v: (v["occurred_us"], v["arrived_us"]), default=None)
    return best and best["v"]


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES], indirect=True)
def test_the_newest_value_known_is_found(engine):
    values, rows = values_and_rows(random.Random(5))
    tables = engine.load("asked", rows), engine.load("told", values)
    found = latest_known(*tables, ["user_id"], {"got": "v"}, has_asof=engine.has_asof)
    answers = engine.stream(found.order_by("n")).read_all()
    expected = [newest_known(values.to_pylist(), row) for row in rows.to_pylist()]

    assert answers["got"].to_pylist() == expected
    assert answers["n"].to_pylist() == rows["n"].to_pylist()
    assert None in expected


def test_both_forms_of_the_join_are_one(duckdb_engine):
    values, rows = values_and_rows(random.Random(6))
    tables = duckdb_engine.load("asked", rows), duckdb_engine.load("told", values)
    answers = [
        duckdb_engine.stream(
            latest_known(*tables, ["user_id"], {"got": "v"}, has_asof=has_asof).order_by("n")
        ).read_all()
        for has_asof in (True, False)
    ]

    assert answers[0].equals(answers[1])
