"""What is built on engines: training rows and the feature stage, the same on each."""

import random

import pyarrow as pa
import pytest

from recomart.engines.asof import latest_known
from recomart.engines.postgres import PostgresEngine
from recomart.errors import StoreUnavailableError
from recomart.features.store import FeatureStore
from recomart.features.views import VIEWS
from recomart.settings import EngineSettings, Settings
from tests.engines.shops import KEYS
from tests.engines.test_same_on_every_engine import assert_same
from tests.features.test_store import LABELS, SCORES, build, register
from tests.servers import free_port

pytestmark = pytest.mark.usefixtures("pandas_allowed")


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


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "spark"], indirect=True)
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


def test_the_stage_and_the_store_run_on_postgres(tmp_path, postgres_url):
    there = Settings(engine=EngineSettings(kind="postgres", postgres=postgres_url))
    here, far = build(tmp_path / "here"), build(tmp_path / "far", there)
    for name in VIEWS:
        assert_same(*(b.con.to_pyarrow(b.read(name)) for b in (far, here)))

    found = []
    for bench in (here, far):
        with FeatureStore(bench.loaded) as store:
            register(store)
            store.save_feature(pa.table(SCORES), "clv")
            views = ["clv", "user_features", "item_features", "price_features"]
            found.append(store.training_set(pa.table(LABELS), views, "bought"))
    assert_same(*found)


def test_a_database_computes_for_one_run_at_a_time(postgres_url):
    with PostgresEngine(postgres_url), pytest.raises(StoreUnavailableError, match="another run"):
        PostgresEngine(postgres_url)


def test_a_database_that_is_down_is_named_without_its_password(tmp_path):
    url = f"postgresql://shop:secret@127.0.0.1:{free_port()}/x"
    with pytest.raises(StoreUnavailableError) as raised:
        build(tmp_path, Settings(engine=EngineSettings(kind="postgres", postgres=url)))

    assert "127.0.0.1" in str(raised.value)
    assert "secret" not in str(raised.value)
