"""Experiments over HTTP: a visitor keeps a variant, answers name it, what breaks is stopped."""

import shutil
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing

import pytest

from recomart.events.exposures import beside
from recomart.pipeline import experiments
from recomart.settings import load_settings
from tests.serving.door.conftest import opened
from tests.serving.door.test_metrics import metrics
from tests.small_shop import publish, spoil

USERS = [f"visitor{n}" for n in range(120)]
DECLARED = {
    "trial": {
        "share": 0.5,
        "guardrails": {"max_failed": 0.1},
        "variants": {
            "old": {"share": 0.5, "model": 1},
            "new": {"share": 0.5, "model": 2, "rules": {"blocked": ["1"]}},
        },
    },
    "visit": {
        "unit": "session",
        "variants": {"old": {"share": 0.5, "model": 1}, "new": {"share": 0.5, "model": 2}},
    },
}
MORE = {("experiments", "tests"): DECLARED}


@pytest.fixture(scope="module")
def two_models(trained, tmp_path_factory):
    """A shop with two published models; nothing runs."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("experiments") / "shop")
    publish(folder, "popularity")
    return folder


@pytest.fixture
def copy(two_models, tmp_path):
    return shutil.copytree(two_models, tmp_path / "copy")


def start(folder, name="trial"):
    return experiments.start(load_settings(folder, environment={}, flags=MORE), name, "test")


def stop(folder, variant=None):
    loaded = load_settings(folder, environment={}, flags=MORE)
    return experiments.stop(loaded, "trial", variant, "test")


def ask(door, **body):
    return door.http.post("/recommendations", json={"n_items": 3, **body}).json()


def asked(door, users=USERS):
    return {user: ask(door, user_id=user) for user in users}


def variants(answers):
    return {user: (one["experiment"], one["variant"]) for user, one in answers.items()}


def shown(door):
    query = "SELECT recommendation_id, who, experiment, variant, unit, propensity FROM exposures"
    with closing(sqlite3.connect(beside(door.service.intake.path))) as con:
        return con.execute(query).fetchall()


def test_visitors_keep_their_variant_also_after_a_restart(copy):
    start(copy)
    with opened(copy) as door:
        first = asked(door)
        again = variants(asked(door))
    with opened(copy) as door:
        restarted = variants(asked(door))
        anonymous = ask(door)

    counts = Counter(variants(first).values())
    assert variants(first) == again == restarted
    assert set(counts) == {(None, None), ("trial", "old"), ("trial", "new")}
    assert counts[None, None] > 30
    assert (anonymous["experiment"], anonymous["variant"]) == (None, None)
    for one in first.values():
        model = "cooccurrence" if one["variant"] == "old" else "popularity"
        assert one["model"] == model


def test_lists_are_logged_with_propensity_and_explained(copy):
    start(copy)
    with opened(copy) as door:
        answers = asked(door, USERS[:30])
        rows = door.until(lambda: len(found := shown(door)) == 30 and found)
        by_id = {row[0]: row[1:] for row in rows}
        of = next(one for one in answers.values() if one["variant"] == "old")
        told = door.http.get(f"/explain/{of['recommendation_id']}").json()

    for user, one in answers.items():
        who, experiment, variant, unit, propensity = by_id[one["recommendation_id"]]
        assert (who, experiment, variant) == (user, one["experiment"], one["variant"])
        assert propensity == (0.5 if experiment else None)
        assert (unit is None) == (experiment is None)
        assert unit is None or user not in unit
    assert (told["experiment"], told["variant"]) == ("trial", "old")
    assert told["is_still_serving"]


def test_rules_of_a_variant_are_its_own(copy):
    start(copy)
    with opened(copy) as door:
        answers = {u: ask(door, user_id=u, n_items=40) for u in USERS[:40]}

    shown = defaultdict(set)
    for one in answers.values():
        shown[one["variant"]] |= {line["item_id"] for line in one["items"]}
    assert "1" not in shown["new"]
    assert "1" in shown[None]


def test_a_session_is_a_unit_of_its_own_and_nobody_is_in_two(copy):
    start(copy)
    start(copy, "visit")
    with opened(copy) as door:
        sessions = [ask(door, session_id=f"s{n}") for n in range(40)]
        both = [ask(door, user_id=u, session_id=f"s{n}") for n, u in enumerate(USERS[:40])]
        alone = [ask(door, user_id=u) for u in USERS[:40]]

    assert {one["experiment"] for one in sessions} == {"visit"}
    for with_session, without, session in zip(both, alone, sessions, strict=True):
        expected = without if without["experiment"] else session
        for name in ("experiment", "variant"):
            assert with_session[name] == expected[name]


def test_start_and_stop_are_followed_while_it_serves(copy):
    def names(door):
        return {one["variant"] for one in door.http.get("/health").json()["variants"]}

    with opened(copy) as door:
        assert names(door) == set()
        start(copy)
        door.until(lambda: names(door) == {"old", "new"})
        assert {one["experiment"] for one in asked(door, USERS[:40]).values()} == {None, "trial"}
        stop(copy, "new")
        door.until(lambda: names(door) == set())
        assert {one["experiment"] for one in asked(door, USERS[:40]).values()} == {None}


def break_new(door):
    """Let the model of a variant fail from now on."""
    [new] = [one for one in door.service.experiments._chosen if one.variant == "new"]
    served = new.engine.served
    object.__setattr__(served.champion, "answer", lambda *_, **__: 1 / 0)


def test_a_variant_that_fails_costs_nobody_a_list_and_is_stopped(copy):
    start(copy)
    publish(copy, "trending")  # a third serves all others
    labels = "experiment=trial,variant=new"
    with opened(copy) as door:
        before = variants(asked(door))
        break_new(door)
        answers = asked(door, USERS * 4)
        health = door.http.get("/health").json()
        rows = metrics(door.http)
        stop(copy, "new")
        door.until(lambda: metrics(door.http)["recomart_variant_off", labels] == 0)

    new = [one for one in answers.values() if one["variant"] == "new"]
    assert {one["model"] for one in new} == {"trending"}
    assert all(len(one["items"]) == 3 for one in new)
    assert variants(answers) == before  # what failed still counts for its variant
    why = {one["variant"]: one["why_off"] for one in health["variants"]}
    assert why["old"] is None
    assert "lists failed" in why["new"]
    assert rows["recomart_variant_off", labels] == 1


def test_an_experiment_with_a_bad_model_is_left_out_whole(copy):
    start(copy)
    publish(copy, "trending")
    spoil(copy, 2)
    with opened(copy) as door:
        answers = asked(door, USERS[:40])
        health = door.http.get("/health").json()

    assert {(one["experiment"], one["model"]) for one in answers.values()} == {(None, "trending")}
    assert any("trial is left out" in one for one in health["troubles"])
