"""Columns of features: held to features that can be followed by hand, and to a law."""

import ibis
import pytest

from recomart.features.columns_from import origins_of, origins_of_all
from recomart.features.definition import Feature, FeatureView
from recomart.features.inputs import SOURCES
from recomart.features.views import VIEWS, views_of
from recomart.settings import Aggregate, DeclaredView, FeatureSettings

SETTINGS = FeatureSettings(
    views={
        "device_days": DeclaredView(
            entity=("user",),
            features={
                "n": Aggregate(of="count"),
                "spent_7d": Aggregate(
                    of="sum", column="price", event_types=("purchase",), window_days=7
                ),
            },
        )
    }
)
BY_HAND = {
    ("user_features", "total_interactions"): (
        {"events.event_type"},
        {"events.user_id", "events.occurred_us", "events.arrived_us"},
    ),
    ("item_features", "price"): (
        {"item_history.price"},
        {
            *("events.item_id", "events.occurred_us", "events.arrived_us"),
            *("item_history.item_id", "item_history.valid_from_us", "item_history.known_from_us"),
        },
    ),
    ("user_features", "n_sessions"): (
        {"events.session_position"},
        {"events.user_id", "events.occurred_us", "events.arrived_us"},
    ),
    ("category_features", "path"): ({"categories.path"}, set()),
    ("session_features", "last_item_2"): (
        {"events.item_id"},
        {
            *("events.session_id", "events.session_position", "events.event_type"),
            *("events.occurred_us", "events.arrived_us"),
        },
    ),
    ("device_days", "n"): (set(), {"events.user_id", "events.occurred_us", "events.arrived_us"}),
    ("device_days", "spent_7d"): (
        {"events.price", "events.event_type", "events.occurred_us"},
        {"events.user_id", "events.occurred_us", "events.arrived_us"},
    ),
}


@pytest.fixture(scope="module")
def origins():
    return origins_of_all(SETTINGS)


def written(columns):
    return {f"{dataset}.{column}" for dataset, column in columns}


@pytest.mark.parametrize(("view", "feature"), BY_HAND, ids=".".join)
def test_a_feature_comes_from_the_columns_in_its_definition(origins, view, feature):
    found = origins[view][feature]

    assert (written(found.values), written(found.conditions)) == BY_HAND[view, feature]


def test_every_feature_comes_from_columns_that_there_are(origins):
    columns = {(name, column) for name, known in SOURCES.items() for column in known}

    assert set(origins) == {view.dataset for view in views_of(SETTINGS).values()}
    for name, view in views_of(SETTINGS).items():
        assert list(origins[name]) == [feature.name for feature in view.features(SETTINGS)]
    assert [f for view in origins.values() for f, o in view.items() if not o.all] == []
    found = [origin.all for view in origins.values() for origin in view.values()]
    assert frozenset().union(*found) <= columns


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_comes_from_the_data_sets_that_it_names(origins, name):
    found = {dataset for origin in origins[name].values() for dataset, _ in origin.all}

    assert found <= {*VIEWS[name].source, "events", "categories", "item_history"}
    assert set(VIEWS[name].source) <= found


def test_what_events_decide_is_decided_by_when_they_were_known(origins):
    late = {
        feature
        for view in origins.values()
        for feature, origin in view.items()
        if any(dataset == "events" for dataset, _ in origin.all)
        and not {("events", "occurred_us"), ("events", "arrived_us")} <= origin.conditions
    }

    assert late == set()


def test_a_new_version_has_its_own_data_set():
    settings = FeatureSettings(versions={"user_features": "v2"})

    assert "user_features_v2" in origins_of_all(settings)


def test_tables_put_one_below_the_other_give_both_their_columns():
    one, other = (ibis.table({"id": "string", "n": "int64"}, name=name) for name in ("a", "b"))
    both = one.union(other)
    view = FeatureView(
        "both",
        keys={"id": "string"},
        says="",
        features=lambda _: (Feature("n", "int64", ""),),
        of=lambda _: both.filter(both.id != "x").limit(5),
    )

    [found] = origins_of(view, SETTINGS).values()

    assert written(found.values) == {"a.n", "b.n"}
    assert written(found.conditions) == {"a.id", "b.id"}
