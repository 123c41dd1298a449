"""Each screen shows what the artefacts say; an empty shop is told what to run."""

import json
import re
import shutil

import pytest

from recomart.lake import open_lake
from recomart.settings import load_settings
from tests.dashboard.conftest import open_shop
from tests.serving.door.conftest import opened
from tests.shared import made_once
from tests.small_shop import make_shop

NAMES = (
    *("overview", "live", "explorer", "quality", "exploration", "features", "experiments"),
    *("ab_tests", "lineage"),
)


def evaluation(folder):
    lake = open_lake(load_settings(folder, environment={}))
    return json.loads(lake.read("evaluation", "evaluation.json"))


def champion(folder):
    """The number that `hold` names, or the newest."""
    lake = open_lake(load_settings(folder, environment={}))
    held = json.loads(lake.read("hold", "hold.json"))["number"] if lake.find("hold") else None
    return held or lake.latest("published_model").number


@pytest.mark.parametrize("name", NAMES)
def test_every_screen_shows_a_shop_without_a_problem(name, see, watched_shop):
    screen = see(name, watched_shop)

    assert screen.problems == []
    assert "Small shop" in screen.html


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_shop_is_told_what_to_run(name, see, tmp_path):
    (tmp_path / "recomart.yaml").write_text("project: New\n", encoding="utf-8")
    screen = see(name, open_shop(tmp_path))

    assert screen.problems == []
    assert re.search(r"<code>recomart [a-z-]", screen.html)


def test_the_overview_says_which_model_serves_and_how_good_it_is(see, watched_shop, two_models):
    told = evaluation(two_models)
    [figures] = [m for m in told["models"] if m["model"] == told["decision"]["serve"]]
    page = see("overview", watched_shop).html

    assert "<b>popularity</b><span>number 2" in page
    assert f"<b>{figures['metrics'][told['main_metric']]['mean']:.4f}</b>" in page
    assert "<b>not running</b>" in page
    assert re.search(r"<b>\d+\.\d</b><span>of 100; 0 of", page)


def test_the_features_screen_tells_how_values_are_spread(see, watched_shop):
    screen = see("features", watched_shop)
    screen.selectbox("features-view").set_value("item_features v1")
    screen.again()
    screen.selectbox("f-item_features v1").set_value("price")
    screen.again()

    assert screen.problems == []
    assert "price: share of rows by value" in screen.html
    assert re.search(r"now \(number 1\)</td><td class=\"n\">40</td>", screen.html)


def test_another_metric_orders_the_models_anew(see, watched_shop):
    screen = see("experiments", watched_shop)
    screen.selectbox("experiments-metric").set_value("recall@20")
    screen.again()

    assert screen.problems == []
    assert "RECALL@20: mean over users" in screen.html


def test_a_promotion_wants_a_why_and_a_second_click(see, two_models, tmp_path):
    folder = shutil.copytree(two_models, tmp_path / "shop")
    screen = see("experiments", open_shop(folder))
    screen.button_group("experiments-part").set_value("Champion and challenger")
    screen.again()
    screen.button("promote").click()
    screen.again()
    before, is_open = champion(folder), screen.button("promote-sure").disabled
    screen.text_input("promote-why").set_value("=1+1; rm -rf / --number 2")
    screen.again()
    screen.button("promote-sure").click()
    screen.again()

    assert (before, is_open) == (2, True)
    assert "Number 1 (cooccurrence) serves from now on, until another" in screen.html
    assert champion(folder) == 1
    assert "=1+1; rm -rf / --number 2" in screen.html


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """A service over a copy of the shop as it was when co-occurrence was its champion."""
    trained = made_once(tmp_path_factory, "served", make_shop)
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("door") / "shop")
    with opened(folder) as running:
        yield running


def test_the_explorer_tells_what_a_user_did_and_is_shown_and_why(see, two_models, door):
    screen = see("explorer", open_shop(two_models, api=door.url))

    assert screen.problems == []
    assert screen.html.count('class="rm-line"') == 8
    assert "What they did" in screen.html
    assert '<span class="rm-pill">view</span>' in screen.html
    assert "Recommendation " in screen.html


def test_an_anonymous_session_is_built_click_by_click(see, two_models, door):
    screen = see("explorer", open_shop(two_models, api=door.url))
    screen.button_group("explorer-kind").set_value("An anonymous session")
    screen.again()
    before = re.findall(r'class="what">([^<]*)', screen.html)
    screen.button("session-add").click()
    screen.again()
    after = re.findall(r'class="what">([^<]*)', screen.html)

    assert screen.problems == []
    assert len(before) == len(after) == 8
    assert before != after
    assert "because you" in screen.html


def test_two_services_stand_side_by_side(see, two_models, door):
    screen = see("explorer", open_shop(two_models, api=door.url, other_api=door.url + "/"))

    assert screen.problems == []
    assert "8 of 8 items are in both lists, 8 at the same rank." in screen.html


def test_the_live_screen_tells_what_the_service_counts(see, two_models, door):
    door.http.post("/recommendations", json={"n_items": 3}).raise_for_status()
    screen = see("live", open_shop(two_models, api=door.url))
    for _ in range(3):
        screen.again()

    assert screen.problems == []
    assert "<td>/recommendations</td>" in screen.html
    assert "Requests a second, of all doors." in screen.html


def test_the_lineage_of_a_recommendation_is_drawn(see, watched_shop, door):
    given = door.http.post("/recommendations", json={"n_items": 1}).json()["recommendation_id"]
    screen = see("lineage", watched_shop)
    screen.text_input("lineage-given").set_value(given)
    screen.again()

    assert screen.problems == []
    assert "<td>published_model</td>" in screen.html
    assert "<td>raw_events</td>" in screen.html


def test_a_name_that_the_lineage_does_not_know_is_told(see, watched_shop):
    screen = see("lineage", watched_shop)
    screen.text_input("lineage-given").set_value("--version")
    screen.again()

    assert "RM-20" in screen.problems[0]
