"""Views declared in feature_store.yaml: part of the tree, checked like it, computed like ours."""

import pytest

from recomart.cli import recomart
from recomart.errors import SettingsError
from recomart.features.views import views_of
from recomart.settings import load_settings
from tests.features.shop import computed, event, inputs

VIEWS = """
views:
  recent:
    entity: [user, category]
    version: v3
    owner: ann
    features:
      views_3d: {of: count, event_types: [view], window_days: 3}
      spend: {of: sum, column: price, event_types: [purchase]}
      mean_price: {of: mean, column: price}
      lowest: {of: min, column: price}
      items: {of: distinct, column: item_id, window_days: 7}
      idle: {of: days_since_last, event_types: [purchase]}
      age: {of: days_since_first}
"""


def load(folder, views=VIEWS, settings="project: shop\n"):
    (folder / "recomart.yaml").write_text(settings, encoding="utf-8")
    (folder / "feature_store.yaml").write_text(views, encoding="utf-8")
    return load_settings(folder, environment={})


def test_declared_views_are_computed_like_ours(tmp_path):
    view = views_of(load(tmp_path).settings.features)["recent"]
    rows = [
        event(1, "ann", "mug", "view", 1, price=2.0, category_id="cups"),
        event(2, "ann", "pan", "view", 5, price=4.0, category_id="cups"),
        event(3, "ann", "pan", "purchase", 2, price=4.0, category_id="cups"),
        event(4, "ann", "pen", "view", 9, category_id=None),
    ]
    found = computed(view, inputs(rows))["ann", "cups"]

    assert (found["views_3d"], found["spend"], found["lowest"], found["items"]) == (1, 4.0, 2.0, 2)
    assert found["mean_price"] == pytest.approx(10 / 3, abs=1e-6)
    assert (found["idle"], found["age"]) == (2.0, 5.0)
    assert (view.version, view.owner, view.dataset) == ("v3", "ann", "recent_v3")


def test_what_nothing_is_known_of_is_null_or_zero(tmp_path):
    view = views_of(load(tmp_path).settings.features)["recent"]
    found = computed(view, inputs([event(1, "bob", "mug", "view", 9, category_id="cups")]))

    assert found["bob", "cups"] | {"user_id": "", "category_id": ""} == {
        "user_id": "",
        "category_id": "",
        "views_3d": 0,
        "spend": None,
        "mean_price": None,
        "lowest": None,
        "items": 0,
        "idle": None,
        "age": 9.0,
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("of: min, column: price", "of: min, column: colour", "feature_store.yaml:11"),
        ("{of: distinct, column: item_id", "{of: distinct, column: price", "feature_store.yaml:12"),
        ("of: count", "of: median", "feature_store.yaml:8"),
        ("event_types: [view]", "event_types: [viewed]", "feature_store.yaml:8"),
        ("window_days: 3", "window_days: 0", "feature_store.yaml:8"),
        ("version: v3", "version: three", "feature_store.yaml:5"),
        ("entity: [user, category]", "entity: shop", "feature_store.yaml:4"),
        ("views_3d:", '"x; DROP TABLE y":', "feature_store.yaml"),
        ("      items:", "      user_id:", "feature_store.yaml"),
        ("views:", "view:", "expected"),
        ("owner: ann", "owned_by: ann", "feature_store.yaml:6"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, old, new, says):
    with pytest.raises(SettingsError, match=says):
        load(tmp_path, VIEWS.replace(old, new, 1))


def test_a_view_stands_in_one_place(tmp_path):
    twice = "features: {views: {recent: {entity: user, features: {n: {of: count}}}}}\n"

    with pytest.raises(SettingsError, match="stands in"):
        load(tmp_path, settings=twice)


def test_passwords_of_places_are_not_shown(tmp_path, monkeypatch):
    from click.testing import CliRunner

    load(tmp_path)
    monkeypatch.setenv("RECOMART_PATHS__ONLINE", "redis://u:sec/ret@h/0?password=hush")
    for words in (["config", "show"], ["--json", "config", "show"]):
        shown = CliRunner().invoke(recomart, ["-s", str(tmp_path), *words])

        assert "redis://u:***@h/0" in shown.output
        assert "ret@" not in shown.output
        assert "hush" not in shown.output
