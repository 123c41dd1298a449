"""The feature store as people use it: the calls of the guide, on every kind of data frame."""

from datetime import datetime, timezone

import ibis
import polars as pl
import pyarrow as pa
import pytest

from recomart.engines import connect
from recomart.errors import DefinitionError, FrameError, NotFoundError
from recomart.features.online.materialise import materialise
from recomart.features.stage import build_features
from recomart.features.store import FeatureStore
from recomart.features.views import VIEWS
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.settings import EngineSettings, Loaded, Settings
from recomart.vocabulary import DAY_US
from tests.engines.shops import MOMENTS, shop

LABELS = {
    "user_id": ["ann", "zoe", "nobody", "ann"],
    "item_id": ["a", "B", "x", "b"],
    "at_us": [MOMENTS[1], MOMENTS[2], MOMENTS[2], MOMENTS[0]],
    "bought": [1, 0, 0, 1],
}
SCORES = {"user_id": ["ann", "zoe", "ann"], "clv": [1, 2, 3], "occurred_us": [5, 6, MOMENTS[1] - 1]}


def build(folder, settings=None):
    lake, con = Lake(LocalObjects(folder / "data/lake")), connect(EngineSettings())
    loaded = Loaded(settings or Settings(), folder)
    bench = Workbench(lake, con, loaded, "features", "r1", 1, key="k")
    for name, table in zip(("events", "categories", "item_history"), shop("random"), strict=True):
        bench.write(name, ibis.memtable(table))
    build_features(bench)
    return bench


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    bench = build(tmp_path_factory.mktemp("once"))
    materialise(bench)
    with FeatureStore(bench.loaded) as store:
        yield store


@pytest.fixture
def store(tmp_path):
    with FeatureStore(Loaded(Settings(), tmp_path)) as store:
        yield store


def register(store, **other):
    says = {
        "feature_name": "clv",
        "description": "customer lifetime value",
        "feature_type": "numeric",
        "source": "crm",
        "transformation": "sum of margins",
        "version": "v1",
    }
    return store.register_feature(**{**says, **other})


def test_a_training_set_keeps_its_rows_and_adds_features(once):
    views = ["user_features", "item_features.popularity", "user_item_features"]
    found = once.training_set(pa.table(LABELS), views, label="bought")

    assert found.select(list(LABELS)).to_pydict() == LABELS
    assert found["user_features__total_interactions"].to_pylist()[2] is None
    assert "item_features__popularity" in found.column_names
    assert "item_features__price" not in found.column_names


def test_polars_gets_polars(once):
    found = once.training_set(pl.DataFrame(LABELS), ["user_features"], "bought")
    expected = once.training_set(pa.table(LABELS), ["user_features"], "bought")

    assert isinstance(found, pl.DataFrame)
    assert found.to_arrow().to_pylist() == expected.to_pylist()


def test_pandas_gets_pandas(once, pandas_allowed):
    import pandas as pd

    frame = pd.DataFrame(LABELS, index=[9, 8, 7, 6])
    found = once.training_set(frame, ["user_features.favourite_category"], "bought")
    expected = once.training_set(pa.table(LABELS), ["user_features.favourite_category"])

    assert isinstance(found, pd.DataFrame)
    assert pa.table(found).to_pylist() == expected.to_pylist()


def test_pandas_saves(store, pandas_allowed):
    import pandas as pd

    register(store)
    frame = pd.DataFrame({"user_id": ["ann"], "clv": [1.5], "occurred_at": [pd.Timestamp(5)]})

    assert store.save_feature(frame, "clv") == 1


def test_moments_may_be_timestamps(once):
    at = [datetime.fromtimestamp(us / 1e6, timezone.utc) for us in LABELS["at_us"]]
    by_time = pa.table({**{k: LABELS[k] for k in ("user_id", "item_id")}, "timestamp": at})
    found = once.training_set(by_time, ["user_item_features"]).drop_columns("timestamp")
    expected = once.training_set(pa.table(LABELS), ["user_item_features"])

    assert found.to_pylist() == expected.drop_columns(["at_us", "bought"]).to_pylist()


def test_a_grid_gives_the_features_of_the_days_beginning(once):
    found = once.training_set(pa.table(LABELS), ["user_features"], every_us=DAY_US)
    begin = [us // DAY_US * DAY_US for us in LABELS["at_us"]]
    expected = once.training_set(pa.table({**LABELS, "at_us": begin}), ["user_features"])

    assert found.drop_columns("at_us").to_pylist() == expected.drop_columns("at_us").to_pylist()


def test_too_many_moments_of_a_view_of_all_events_are_refused(once, monkeypatch):
    monkeypatch.setattr("recomart.features.offline.MOST_MOMENTS", 2)

    with pytest.raises(FrameError, match="every_us") as raised:
        once.training_set(pa.table(LABELS), ["item_features"])
    assert "3 different moments" in str(raised.value)
    once.training_set(pa.table(LABELS), ["user_features"])


def test_saved_values_are_found_as_of_the_row(store):
    register(store)

    assert store.save_feature(pa.table(SCORES), "clv") == 3
    assert store.save_feature(pa.table(SCORES), "clv") == 0
    found = store.training_set(pa.table(LABELS), ["clv"])
    assert found["clv"].to_pylist() == [3.0, 2.0, None, 1.0]
    assert store.get_feature("clv").num_rows == 3


def test_versions_stand_side_by_side(store):
    register(store)
    register(store, version="v2", transformation="margins, discounted")
    store.save_feature(pa.table(SCORES), "clv", "v1")
    store.save_feature(pa.table({**SCORES, "clv": [10, 20, 30]}), "clv", "v2")
    found = store.training_set(pa.table(LABELS), ["clv:v1", "clv:v2"])

    assert found["clv_v1"].to_pylist() == [3.0, 2.0, None, 1.0]
    assert found["clv_v2"].to_pylist() == [30.0, 20.0, None, 10.0]
    assert store.get_feature("clv", "v1")["value"].to_pylist() != []
    versions = [(f["feature"], f["version"]) for f in store.list_features()]
    assert versions == [("clv", "v1"), ("clv", "v2")]


def test_a_definition_that_changes_in_silence_is_refused(store):
    register(store)
    register(store, description="said better")

    with pytest.raises(DefinitionError, match="its version is still v1"):
        register(store, transformation="another sum")
    assert store.registry.get("clv").transformation == "sum of margins"


def test_views_are_composed_of_one_key(tmp_path):
    bench = build(tmp_path)
    with FeatureStore(bench.loaded) as store:
        register(store)
        store.save_feature(pa.table(SCORES), "clv")
        view = store.create_feature_view(["clv", "user_features.n_purchases"], "user_id", "v1")
        rows = view.training_set(pa.table(LABELS), "bought")
        now = {row["user_id"]: row["clv"] for row in view.table().to_pylist()}

        assert rows["clv"].to_pylist() == [3.0, 2.0, None, 1.0]
        assert "user_features__n_purchases" in rows.column_names
        assert (now["ann"], now["Zoë"]) == (3.0, None)
        with pytest.raises(FrameError, match="item_features"):
            store.create_feature_view(["clv", "item_features"], "user_id", name="mixed")


def test_look_ups_give_the_values_of_now(once):
    user = once.get_user_features("ann")
    pair = once.get_user_item_features("ann", "a")
    [row] = [r for r in once.get_feature("user_features").to_pylist() if r["user_id"] == "ann"]

    assert user == {name: value for name, value in row.items() if name != "user_id"}
    assert pair["interaction_count"] > 0
    assert once.get_item_features("a", "v1")["total_interactions"] > 0
    with pytest.raises(NotFoundError, match="nobody"):
        once.get_user_features("nobody")


@pytest.mark.parametrize(
    "name", ['"; DROP TABLE x', "user_features; --", "../../etc", "USER_FEATURES", "a.b.c", ""]
)
def test_names_that_mean_harm_are_no_names(once, name):
    with pytest.raises(NotFoundError):
        once.training_set(pa.table(LABELS), [name])
    with pytest.raises(NotFoundError):
        once.get_feature(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("user_feature", "user_features"), ("user_features.n_purchase", "n_purchases")],
)
def test_an_unknown_name_offers_the_nearest(once, name, near):
    with pytest.raises(NotFoundError, match=near):
        once.get_feature(name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user_id": [1, 2, 3, 4]}, "should be string"),
        ({"user_id": ["ann", None, "zoe", "x"]}, "null in 1 row"),
        ({"at_us": [1, 2, None, 4]}, "null in 1 row"),
        ({"at_us": ["a", "b", "c", "d"]}, "no moment"),
        ({"user_features__n_purchases": [1, 2, 3, 4]}, "twice"),
    ],
)
def test_rows_that_do_not_fit_are_refused(once, change, says):
    with pytest.raises(FrameError, match=says):
        once.training_set(pa.table({**LABELS, **change}), ["user_features"])


@pytest.mark.parametrize("gone", ["user_id", "at_us", "bought"])
def test_rows_that_lack_a_column_are_refused(once, gone):
    rows = pa.table(LABELS).drop_columns(gone)

    with pytest.raises(FrameError):
        once.training_set(rows, ["user_features"], "bought")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user_id": ["ann", "zoe", None]}, "null"),
        ({"occurred_us": [5, 6, 5]}, "several values at one moment"),
        ({"clv": ["a", "b", "c"]}, "should be float64"),
        ({"shoe_size": [1, 2, 3]}, "expected in a column"),
    ],
)
def test_values_that_do_not_fit_are_not_saved(store, change, says):
    register(store)

    with pytest.raises(FrameError, match=says):
        store.save_feature(pa.table({**SCORES, **change}), "clv")
    assert store.lake.find("clv") is None


def test_what_was_known_does_not_change(store):
    register(store)
    store.save_feature(pa.table(SCORES), "clv")

    with pytest.raises(FrameError, match="another value"):
        store.save_feature(pa.table({**SCORES, "clv": [1, 2, 4]}), "clv")
    later = [DAY_US, DAY_US, MOMENTS[1]]
    assert store.save_feature(pa.table({**SCORES, "arrived_us": later}), "clv") == 3


@pytest.mark.parametrize(
    "change", [{"feature_name": "a b"}, {"feature_type": "blob"}, {"version": "2"}]
)
def test_a_feature_must_have_a_name_a_type_a_version(store, change):
    with pytest.raises(DefinitionError):
        register(store, **change)


def test_our_own_views_are_not_registered_by_others(store):
    with pytest.raises(DefinitionError, match="computes"):
        register(store, feature_name="user_features")


def test_something_that_is_no_table_is_refused(store):
    with pytest.raises(FrameError, match="list"):
        store.training_set([1, 2], ["user_features"])


def test_a_source_that_lacks_a_column_is_named(make_bench):
    bench = make_bench("features")
    events, categories, history = shop("random")
    for name, table in (("categories", categories), ("item_history", history)):
        bench.write(name, ibis.memtable(table))
    bench.write("events", ibis.memtable(events.drop_columns("strength")))

    with pytest.raises(FrameError, match="strength"):
        build_features(bench)


def test_a_retired_version_is_served_from_its_snapshots(tmp_path):
    build(tmp_path)
    newer = Settings.model_validate(
        {"features": {"versions": {"user_features": "v2"}, "windows_days": [2]}}
    )
    with pytest.raises(DefinitionError, match="item_features"):
        build(tmp_path, newer)
    both = {"user_features": "v2", "item_features": "v2"}
    newer = Settings.model_validate({"features": {"versions": both, "windows_days": [2]}})
    bench = build(tmp_path, newer)
    late = pa.table({"user_id": ["ann"], "at_us": [MOMENTS[-1] + 9 * DAY_US]})
    with FeatureStore(bench.loaded) as store:
        old = store.training_set(late, ["user_features:v1"]).to_pylist()[0]
        new = store.training_set(late, ["user_features:v2"]).to_pylist()[0]
        history = [one.entry.version for one in store.registry.versions("user_features")]

    assert old["user_features_v1__interactions_7d"] is not None
    assert "user_features_v2__interactions_2d" in new
    assert history == ["v1", "v2"]


def test_a_view_that_the_settings_changed_in_silence_gives_no_rows(tmp_path):
    bench = build(tmp_path)
    other = Settings.model_validate({"features": {"windows_days": [2]}})
    with FeatureStore(Loaded(other, bench.loaded.folder)) as store:
        with pytest.raises(DefinitionError, match="user_features"):
            store.training_set(pa.table(LABELS), ["user_features"])

        assert store.training_set(pa.table(LABELS), ["price_features"]).num_rows == len(
            LABELS["at_us"]
        )


def test_no_rows_give_no_rows(once):
    found = once.training_set(pa.table(LABELS).slice(0, 0), ["user_features", "item_features"])

    assert found.num_rows == 0
    assert "item_features__price" in found.column_names


def test_every_view_can_be_asked_for(once):
    names = {feature["feature"].partition(".")[0] for feature in once.list_features()}

    assert names == set(VIEWS)
    for name in VIEWS:
        assert once.get_feature(name).num_rows > 0
