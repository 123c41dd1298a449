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
from recomart.errors import DefinitionError, FrameError, IntegrityError, NotFoundError
from recomart.features.online import ColumnTable, OnlineFeatures, open_online
from recomart.features.online import materialise as room
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


def rewrite(bench, name, change):
    """Write the next version of a view: what `change` makes of its rows."""
    schema = bench.con.to_pyarrow(bench.read(name)).schema
    table = pa.Table.from_pylist(change(offline(bench, name)), schema=schema)
    draft = bench.draft(name)
    draft.add_table(table.to_reader())
    return bench.commit(draft, details={"at_us": 1})


@pytest.mark.parametrize("turned", [False, True])
def test_a_small_change_is_a_patch_and_gives_the_same(built, turned):
    store = open_online("online.sqlite", built.loaded.folder)
    bring(built, store, "user_item_features")
    rows = offline(built, "user_item_features")

    def change(rows):
        made = [{**row, "n_purchases": 99} if n == 3 else row for n, row in enumerate(rows)][:-1]
        # as of an engine that sorts words otherwise: two neighbours out of order
        return [made[1], made[0], *made[2:]] if turned else made

    rewrite(built, "user_item_features", change)
    how = bring(built, store, "user_item_features")
    keys = [(row["user_id"], row["item_id"]) for row in rows]
    found = OnlineFeatures(store).get("user_item_features", keys)

    assert how == "patched"
    assert [row and row["n_purchases"] for row in found] == [
        *(row["n_purchases"] for row in rows[:3]),
        99,
        *(row["n_purchases"] for row in rows[4:-1]),
        None,
    ]
    store.close()


def test_a_version_that_is_not_the_newest_is_brought_as_it_is(built):
    store = open_online("online.sqlite", built.loaded.folder)
    first = built.lake.latest("user_features")
    rewrite(built, "user_features", lambda rows: rows[:-1])
    bring(built, store, "user_features")
    view = VIEWS["user_features"]
    how = Materialiser(built.lake, store, 1).bring(view, view.columns(SETTINGS), first)
    last = built.con.to_pyarrow(built.open_files(first.files, first)).to_pylist()[-1]["user_id"]

    assert how == "patched"
    assert OnlineFeatures(store).get("user_features", [last]) != [None]
    store.close()


def test_by_force_a_version_that_is_there_is_loaded_anew(make_bench):
    settings = Settings(paths=PathSettings(online="here.sqlite"))
    bench = build(make_bench("features", settings))
    materialise(bench)
    store = open_online("here.sqlite", bench.loaded.folder)
    state = store.state("user_features")
    store.patch(state, [(b"spoilt", b"?")], [])
    for force, left in ((False, [b"?"]), (True, [None])):
        materialise(replace(bench, force=force))

        assert store.get("user_features", [b"spoilt"]) == left
    store.close()


def test_a_view_that_was_not_built_again_is_not_brought(built):
    store = open_online("online.sqlite", built.loaded.folder)
    view, manifest = VIEWS["user_features"], built.lake.latest("user_features")
    columns = view.columns(SETTINGS) | {"new_one": "int64"}
    with pytest.raises(DefinitionError, match="new_one"):
        Materialiser(built.lake, store, 1).bring(view, columns, manifest)

    assert store.state("user_features") is None
    store.close()


def test_two_rows_of_one_key_are_not_brought(built):
    store = open_online("online.sqlite", built.loaded.folder)
    rewrite(built, "user_features", lambda rows: [*rows, rows[-1]])
    with pytest.raises(FrameError, match="same user_id"):
        bring(built, store, "user_features")

    assert store.state("user_features") is None
    store.close()


def test_a_reader_sees_a_new_definition_at_once(built):
    store = open_online("online.sqlite", built.loaded.folder)
    bring(built, store, "user_features")
    online = OnlineFeatures(store, state_s=60)
    [user, *_] = offline(built, "user_features")
    online.get("user_features", [user["user_id"]])
    view, manifest = VIEWS["user_features"], built.lake.latest("user_features")
    fewer = {"user_id": "string", "total_interactions": "int64"}
    Materialiser(built.lake, store, 1).bring(view, fewer, manifest)

    assert online.get("user_features", [user["user_id"]]) == [
        {"total_interactions": user["total_interactions"]}
    ]
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
    assert table.values.flags.c_contiguous
    assert not table.values.flags.writeable
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


def kill_after_three_batches(folder):
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


def test_a_kill_leaves_nothing_half_visible_and_the_next_goes_on(built, monkeypatch):
    name, keys = "user_item_features", ("user_id", "item_id")
    kill_after_three_batches(built.loaded.folder)
    store = open_online("online.sqlite", built.loaded.folder)

    assert store.state(name) is None

    monkeypatch.setattr(room, "BATCH_ROWS", 5)
    put, numbers = store.put, []
    store.put = lambda *args: (numbers.append(args[2]), put(*args))
    rows = offline(built, name)
    how = bring(built, store, name)
    found = OnlineFeatures(store).get(name, [tuple(row[key] for key in keys) for row in rows])

    assert how == "loaded"
    assert numbers == list(range(3, -(-len(rows) // 5)))
    assert found == [{c: v for c, v in row.items() if c not in keys} for row in rows]
    store.close()
