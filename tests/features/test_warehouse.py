"""The warehouse, in SQLite and PostgreSQL: the same rows, whole, documented, safe to kill."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import ibis
import psycopg
import pyarrow as pa
import pytest

from recomart.errors import FrameError, NotFoundError, StoreUnavailableError
from recomart.features.definition import Feature
from recomart.features.stage import build_features
from recomart.features.views import VIEWS
from recomart.features.warehouse import create_statement, load_warehouse, open_warehouse
from recomart.features.warehouse import read_features as read_rows
from recomart.features.warehouse.ddl import Table
from recomart.settings import FeatureSettings, PathSettings, Settings
from tests.engines.shops import shop
from tests.servers import free_port

SETTINGS = FeatureSettings()
PAIRS = VIEWS["user_item_features"]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request):
    if request.param == "sqlite":
        return "warehouse.sqlite"
    server = request.getfixturevalue("postgres_url")
    name = f"shop_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as con:
        con.execute(f"CREATE DATABASE {name}")
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def make(make_bench, place):
    settings = Settings(paths=PathSettings(warehouse=place))

    def make(n_events=None):
        bench = make_bench("features", settings)
        events, categories, history = shop("random")
        for name, table in (("categories", categories), ("item_history", history)):
            bench.write(name, ibis.memtable(table))
        bench.write("events", ibis.memtable(events.slice(0, n_events)))
        build_features(bench)
        return bench

    return make


def offline(bench, name):
    return bench.con.to_pyarrow(bench.read(name)).to_pylist()


def keys_of(view, rows):
    return [tuple(row[key] for key in view.keys) for row in rows]


def test_every_view_is_there_value_by_value(make):
    bench = make()
    load_warehouse(bench)
    for name, view in VIEWS.items():
        rows = offline(bench, name)

        assert read_rows(bench.loaded, name, keys_of(view, rows)) == rows


def test_a_new_version_changes_adds_and_removes(make):
    load_warehouse(make(500))
    bench = make()
    load_warehouse(bench)
    fewer = make(300)
    load_warehouse(fewer)
    rows, before = offline(fewer, "user_item_features"), offline(bench, "user_item_features")

    assert read_rows(fewer.loaded, PAIRS.name, keys_of(PAIRS, rows)) == rows
    assert len(rows) <= len(before)
    gone = set(keys_of(PAIRS, before)) - set(keys_of(PAIRS, rows))
    assert read_rows(fewer.loaded, PAIRS.name, sorted(gone)) == []


def test_who_is_forgotten_is_in_no_table_and_the_others_stay(make):
    bench = make()
    load_warehouse(bench)
    user = offline(bench, "user_features")[0]["user_id"]
    with closing(open_warehouse(bench.loaded)) as warehouse:
        theirs, others = warehouse.of_user(user), warehouse.of_user("nobody")
        n = warehouse.forget_user(user)

        assert sum(map(len, theirs.values())) == n > 0
        assert {"user_features", "user_item_features"} <= {v for v, rows in theirs.items() if rows}
        assert warehouse.of_user(user) == others == {view: [] for view in theirs}
    for name in ("user_features", "item_features"):
        kept = [row for row in offline(bench, name) if row.get("user_id") != user]
        found = read_rows(bench.loaded, name, keys_of(VIEWS[name], kept))
        assert len(found) == len(kept)


def load(warehouse, rows, version="v", features=("n",), dtype="int64"):
    described = tuple(Feature(name, dtype, f"says {name}; it's so") for name in features)
    view = replace(PAIRS, features=lambda _: described)
    table = Table.of(view, SETTINGS, warehouse.schema)
    kinds = {"int64": pa.int64(), "string": pa.string()}
    fields = [("user_id", pa.string()), ("item_id", pa.string())]
    schema = pa.schema([*fields, *((name, kinds[dtype]) for name in features)])
    given = pa.Table.from_pylist(rows, schema=schema)
    return warehouse.load(view.name, version, table, given.to_reader())


@pytest.fixture
def warehouse(make_bench, place):
    bench = make_bench("features", Settings(paths=PathSettings(warehouse=place)))
    warehouse = open_warehouse(bench.loaded)
    yield warehouse
    warehouse.close()


ROW = {"user_id": "ann", "item_id": "mug"}


def test_a_version_that_adds_a_column_migrates(warehouse):
    load(warehouse, [{**ROW, "n": 1}])
    changes = load(warehouse, [{**ROW, "n": 1, "more": 2}], "w", ("n", "more"))

    assert changes == ["column more added"]
    assert warehouse.read(PAIRS.name, PAIRS.keys, [("ann", "mug")]) == [{**ROW, "n": 1, "more": 2}]
    assert warehouse.held(PAIRS.name)[0] == "w"


@pytest.mark.parametrize("features", [(("other",), "int64"), (("n",), "string")])
def test_a_column_that_goes_or_changes_its_type_rebuilds_the_table(warehouse, features):
    names, dtype = features
    value = 7 if dtype == "int64" else "seven"
    load(warehouse, [{**ROW, "n": 1}])
    changes = load(warehouse, [{**ROW, names[0]: value}], "w", names, dtype)

    assert changes == ["rebuilt"]
    assert warehouse.read(PAIRS.name, PAIRS.keys, [("ann", "mug")]) == [{**ROW, names[0]: value}]


def test_names_that_mean_harm_do_none(warehouse, make_bench, place):
    load(warehouse, [{**ROW, "n": 1}])
    harm = '"; DROP TABLE user_item_features; --'
    loaded = make_bench("features", Settings(paths=PathSettings(warehouse=place))).loaded

    with pytest.raises(NotFoundError):
        read_rows(loaded, harm, [("a",)])
    assert read_rows(loaded, PAIRS.name, [(harm, "mug")]) == []
    assert len(read_rows(loaded, PAIRS.name, [("ann", "mug")])) == 1


def test_a_view_that_is_not_loaded_is_not_read(warehouse, make_bench, place):
    loaded = make_bench("features", Settings(paths=PathSettings(warehouse=place))).loaded

    with pytest.raises(NotFoundError):
        read_rows(loaded, "user_features", [("ann",)])


def test_a_version_that_is_loaded_is_not_loaded_again(make, place):
    bench = make()
    load_warehouse(bench)
    warehouse = open_warehouse(bench.loaded)
    before = {name: warehouse.held(name) for name in VIEWS}
    load_warehouse(bench)

    assert {name: warehouse.held(name) for name in VIEWS} == before
    assert all(before.values())
    warehouse.close()


def test_force_mends_what_others_changed(make):
    bench = make()
    load_warehouse(bench)
    warehouse = open_warehouse(bench.loaded)
    table = Table.of(PAIRS, SETTINGS, warehouse.schema)
    rows = offline(bench, PAIRS.name)
    warehouse._con.execute(f"DELETE FROM {table.name}")  # noqa: S608 - a definition's own name
    load_warehouse(bench)

    assert read_rows(bench.loaded, PAIRS.name, keys_of(PAIRS, rows)) == []
    load_warehouse(replace(bench, force=True))
    assert read_rows(bench.loaded, PAIRS.name, keys_of(PAIRS, rows)) == rows
    warehouse.close()


def test_postgres_has_comments_and_plain_order(postgres_url, make_bench):
    settings = Settings(paths=PathSettings(warehouse=postgres_url))
    warehouse = open_warehouse(make_bench("features", settings).loaded)
    load(warehouse, [{**ROW, "n": 1}, {**ROW, "user_id": "Zoe", "n": 2}])
    with psycopg.connect(postgres_url) as con:
        said = con.execute(
            "SELECT obj_description(c), col_description(c, 3) "
            "FROM (SELECT 'features.user_item_features'::regclass AS c) t"
        ).fetchone()
        users = con.execute("SELECT user_id FROM features.user_item_features ORDER BY user_id")

        assert said == (f"{PAIRS.says}; version v1", "says n; it's so")
        assert [row[0] for row in users] == ["Zoe", "ann"]
    warehouse.close()


def test_postgres_refuses_a_text_that_it_cannot_store(postgres_url, make_bench):
    settings = Settings(paths=PathSettings(warehouse=postgres_url))
    warehouse = open_warehouse(make_bench("features", settings).loaded)

    with pytest.raises(FrameError, match="NUL"):
        load(warehouse, [{**ROW, "user_id": "a\x00b", "n": 1}], "nul")
    warehouse.close()


def test_a_server_that_is_down_is_named_without_its_password(make_bench):
    url = f"postgresql://shop:secret@127.0.0.1:{free_port()}/x"
    bench = make_bench("features", Settings(paths=PathSettings(warehouse=url)))

    with pytest.raises(StoreUnavailableError) as raised:
        open_warehouse(bench.loaded)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_the_schema_says_what_each_column_is(view):
    statement = create_statement(view, SETTINGS)

    for feature in view.features(SETTINGS):
        assert f'"{feature.name}" ' in statement
        assert feature.says in statement
    keys = ", ".join(f'"{key}"' for key in view.keys)
    assert f"PRIMARY KEY ({keys})" in statement


LOAD = """
import sys, time
from pathlib import Path
from recomart.engines import connect
from recomart.features.warehouse import base, load_warehouse
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.settings import EngineSettings, Loaded, PathSettings, Settings
root, place = Path(sys.argv[1]), sys.argv[2]
bench = Workbench(
    Lake(LocalObjects(root / "lake")), connect(EngineSettings(), root / "s"),
    Loaded(Settings(paths=PathSettings(warehouse=place)), root), "features", "r2", 0,
)
real = base.Warehouse._apply
def slowly(*args):
    real(*args)
    print("in the middle", flush=True)
    time.sleep(30)
base.Warehouse._apply = slowly
load_warehouse(bench)
"""


def test_a_load_that_is_killed_leaves_the_old_rows(make, place, tmp_path):
    bench = make()
    load_warehouse(bench)
    before = offline(bench, "user_features")
    fewer = make(100)
    command = [sys.executable, "-c", LOAD, str(tmp_path), place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loading:
        assert loading.stdout.readline() == "in the middle\n"
        loading.send_signal(signal.SIGKILL)
    keys = keys_of(VIEWS["user_features"], before)

    assert read_rows(fewer.loaded, "user_features", keys) == before
    load_warehouse(fewer)
    after = offline(fewer, "user_features")
    assert read_rows(fewer.loaded, "user_features", keys_of(VIEWS["user_features"], after)) == after


def test_a_locked_warehouse_is_given_up(make_bench, monkeypatch):
    monkeypatch.setattr(
        "recomart.features.warehouse.sqlite.SqliteWarehouse.__init__.__defaults__", (0.1,)
    )
    bench = make_bench("features", Settings(paths=PathSettings(warehouse="w.sqlite")))
    warehouse = open_warehouse(bench.loaded)
    with closing(sqlite3.connect(bench.loaded.path("w.sqlite"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            load(warehouse, [{**ROW, "n": 1}])
    warehouse.close()
