"""From offline to online: the same bits, only what is new, and never half."""

import math
import signal
import subprocess
import sys
from dataclasses import replace

import ibis
import numpy as np
import pyarrow as pa
import pytest

from recomart.engines import connect
from recomart.errors import FrameError, IntegrityError, NotFoundError
from recomart.features.online import ColumnTable, OnlineFeatures, open_online
from recomart.features.online.materialise import Materialiser, materialise
from recomart.features.stage import build_features
from recomart.features.views import VIEWS
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.settings import EngineSettings, FeatureSettings, Loaded, PathSettings, Settings
from tests.engines.shops import shop

SETTINGS = FeatureSettings()


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def place(request):
    if request.param == "sqlite":
        return "data/online.sqlite"
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def built(make_bench):
    return build(make_bench("features"))


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A lake that no test changes."""
    folder = tmp_path_factory.mktemp("once")
    lake, con = Lake(LocalObjects(folder / "lake")), connect(EngineSettings())
    return build(Workbench(lake, con, Loaded(Settings(), folder), "features", "r1", 1, key="k"))


def build(bench):
    events, categories, history = shop("random")
    for name, table in (("categories", categories), ("item_history", history)):
        bench.write(name, ibis.memtable(table))
    bench.write("events", ibis.memtable(events))
    build_features(bench)
    return bench


def bring(bench, store, name):
    view = replace(VIEWS[name], online=True)
    columns = view.columns(SETTINGS)
    return Materialiser(bench.lake, store, 1).bring(view, columns, bench.lake.latest(name))


def offline(bench, name):
    return bench.con.to_pyarrow(bench.read(name)).to_pylist()


def same_bits(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex() or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("name", VIEWS)
def test_online_values_are_the_offline_values_bit_for_bit(name, once, place):
    store = open_online(place, once.loaded.folder)
    bring(once, store, name)
    rows, keys = offline(once, name), VIEWS[name].keys
    online = OnlineFeatures(store)
    found = online.get(name, [tuple(row[key] for key in keys) for row in rows])
    online.close()

    assert rows
    for row, values in zip(rows, found, strict=True):
        expected = {column: value for column, value in row.items() if column not in keys}

        assert list(values) == list(expected)
        assert all(map(same_bits, values.values(), expected.values())), (row, values)


def test_a_version_that_is_there_is_not_loaded_again(once, place):
    store = open_online(place, once.loaded.folder)
    how = [bring(once, store, "price_features") for _ in range(2)]
    store.close()

    assert how[1] == "there"


@pytest.mark.parametrize("place", ["online.sqlite"])
def test_a_small_change_is_a_patch_and_gives_the_same(built, place, make_bench):
    store = open_online(place, built.loaded.folder)
    bring(built, store, "user_item_features")
    rows = offline(built, "user_item_features")
    changed = [{**row, "n_purchases": 99} if n == 3 else row for n, row in enumerate(rows)]
    schema = built.con.to_pyarrow(built.read("user_item_features")).schema
    table = pa.Table.from_pylist(changed[:-1], schema=schema)
    built.write("user_item_features", ibis.memtable(table), details={"at_us": 1})
    how = bring(built, store, "user_item_features")
    keys = [(row["user_id"], row["item_id"]) for row in rows]
    found = OnlineFeatures(store).get("user_item_features", keys)

    assert how == "patched"
    assert found[3]["n_purchases"] == 99
    assert found[-1] is None
    assert found[4]["n_purchases"] == rows[4]["n_purchases"]
    store.close()


def test_the_stage_fills_the_store_of_the_settings(make_bench):
    bench = build(make_bench("features", Settings(paths=PathSettings(online="here.sqlite"))))
    materialise(bench)
    online = OnlineFeatures(open_online("here.sqlite", bench.loaded.folder))
    views = {row["view"] for row in online.freshness()}
    online.close()

    assert views == {name for name, view in VIEWS.items() if view.online}
    assert (bench.loaded.folder / "here.sqlite").is_file()


def test_freshness_tells_values_that_are_too_old(once):
    store = open_online("fresh.sqlite", once.loaded.folder)
    bring(once, store, "user_features")
    bring(once, store, "time_features")
    found = {row["view"]: row["is_fresh"] for row in OnlineFeatures(store).freshness()}
    store.close()

    assert found == {"user_features": False, "time_features": True}


def test_what_is_asked_wrongly_is_said(once):
    store = open_online("asked.sqlite", once.loaded.folder)
    bring(once, store, "user_features")
    online = OnlineFeatures(store)

    with pytest.raises(NotFoundError, match="item_features"):
        online.get("item_features", ["a"])
    with pytest.raises(NotFoundError, match="nope"):
        online.matrix("user_features", ["ann"], ["nope"])
    with pytest.raises(FrameError):
        online.get("user_features", [7])
    with pytest.raises(NotFoundError):
        online.get('"; DROP TABLE _state; --', ["ann"])
    assert online.get("user_features", ['"; DROP TABLE _state; --']) == [None]
    store.close()


def test_rows_of_another_form_are_not_read_by_mistake(built):
    store = open_online("online.sqlite", built.loaded.folder)
    bring(built, store, "user_features")
    state = store.state("user_features")
    store.patch(state.model_copy(update={"signature": "other"}), [], [])

    with pytest.raises(IntegrityError):
        OnlineFeatures(store).get("user_features", ["ann"])
    store.close()


def test_items_stand_in_memory_as_columns(once):
    rows = {row["item_id"]: row for row in offline(once, "item_features")}
    table = ColumnTable.read(once.lake, once.lake.latest("item_features"), "item_id")
    wanted = table.columns_of(["price", "total_interactions"])
    keys = [*rows, "nobody", next(iter(rows))]
    found = table.take(keys, wanted)
    expected = [
        [_number(rows.get(k, {}).get(f)) for f in ("price", "total_interactions")] for k in keys
    ]

    np.testing.assert_array_equal(found, np.array(expected))
    with pytest.raises(NotFoundError):
        table.columns_of(["nope"])


def _number(value):
    return np.nan if value is None else value


KILLED = """
import sys
from pathlib import Path
from recomart.features.online import materialise as room, open_online
from recomart.features.views import VIEWS
from recomart.lake import Lake, LocalObjects
from recomart.settings import FeatureSettings

folder = Path(sys.argv[1])
room.BATCH_ROWS = 5
store = open_online("online.sqlite", folder)
put, view = store.put, VIEWS["user_item_features"]
def slowly(*args):
    put(*args)
    print("put", flush=True)
    if args[2] == 2:
        sys.stdin.read()
store.put = slowly
lake = Lake(LocalObjects(folder / "lake"))
how = room.Materialiser(lake, store, 1)
how.bring(view, view.columns(FeatureSettings()), lake.latest(view.name))
"""


def test_a_kill_leaves_nothing_half_visible_and_the_next_goes_on(built):
    folder = built.loaded.folder
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for _ in range(3):
            assert process.stdout.readline() == "put\n"
        process.send_signal(signal.SIGKILL)
    store = open_online("online.sqlite", folder)
    manifest = built.lake.latest("user_item_features")

    assert store.state("user_item_features") is None
    assert store.progress("user_item_features", manifest.version) == 3
    store.close()
