"""An answer is explained by any worker, with the features that the ranker saw."""

import os
import shutil
import signal
import time

import numpy as np
import pytest

from recomart.features.online import OnlineFeatures, open_online
from recomart.serving import schemas
from recomart.settings import load_settings
from tests.serving.door.conftest import opened, problem
from tests.serving.door.workers import served, workers_of
from tests.small_shop import publish


@pytest.fixture(scope="module")
def workers(trained, tmp_path_factory):
    """A server of two worker processes; each question may meet any of them."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("workers") / "shop")
    with served(folder, "--workers", "2") as asked:
        yield asked


@pytest.fixture
def cascade(ranked, tmp_path):
    return shutil.copytree(ranked, tmp_path / "copy")


def ask(door, **body):
    return door.http.post("/recommendations", json={"user_id": "u01", **body}).json()


def explain(door, given):
    answer = door.http.get(f"/explain/{given['recommendation_id']}")
    assert answer.status_code == 200, answer.text
    return schemas.Explained.model_validate_json(answer.content)


def test_features_are_those_of_the_store_and_give_the_scores_that_were_given(ranked):
    with opened(ranked) as door:
        door.http.post("/events", json=door.event(user_id="u01"))
        given = ask(door, items=[door.event()["item_id"]], n_items=5)
        found = explain(door, given).features
        cascade, _ = door.service.engine.served.champion.cascade
        online = OnlineFeatures(open_online("data/online.sqlite", ranked))
        stored = online.matrix("user_features", ["u01"], ["avg_price"])[0, 0]
        online.close()

    assert (found.is_exact, found.note) == (True, None)
    rows = [found.items[line["item_id"]] for line in given["items"]]
    assert all(tuple(row) == cascade.ranker.columns for row in rows)
    assert {row["user_features__avg_price"] for row in rows} == {np.float32(stored)}
    assert all(row["retrieval__n_proposing"] >= 1 for row in rows)
    matrix = np.array([list(row.values()) for row in rows], dtype=np.float32)
    scores = [line["score"] for line in given["items"]]
    assert cascade.ranker.scores(matrix) == pytest.approx(scores)


def test_it_is_said_when_features_are_not_those_of_then(cascade):
    with opened(cascade, reload_s=3600) as door:
        given = ask(door)
        changed = bring_another_version(load_settings(cascade, environment={}))
        door.until(lambda: not explain(door, given).features.is_exact)
        found = explain(door, given).features

    assert changed in found.note
    assert found.items  # as they are now


def bring_another_version(loaded):
    """Let the online store hold another version of a view."""
    store = open_online(loaded.settings.paths.online, loaded.folder)
    state = store.state("user_features")
    store.patch(state.model_copy(update={"version": "another"}), [], [])
    store.close()
    return "user_features"


def test_another_model_cannot_tell_what_the_one_before_saw(cascade):
    with opened(cascade) as door:
        given = ask(door)
        publish(cascade, "popularity")
        door.until(lambda: door.http.get("/health").json()["model"]["name"] == "popularity")
        found = explain(door, given)

    assert not found.is_still_serving
    assert "another model" in found.features.note
    assert found.features.items == {}
    assert found.items[0].metadata.title


def test_a_model_without_ranker_says_so(door):
    found = explain(door, ask(door))

    assert "without features" in found.features.note


def test_workers_explain_each_others_answers_also_those_of_a_worker_that_was_killed(workers):
    process, anybody = workers
    ids = [
        anybody("POST", "/recommendations", json={"user_id": "u01"}).json()["recommendation_id"]
        for _ in range(12)
    ]
    told = [anybody("GET", f"/explain/{one}").status_code for one in ids]
    both = workers_of(process.pid)
    time.sleep(0.1)  # until every worker has written what it keeps

    os.kill(both[0], signal.SIGKILL)
    later = [anybody("GET", f"/explain/{one}").status_code for one in ids]

    assert len(both) == 2
    assert told == later == [200] * 12


def test_all_workers_forget_a_user(workers):
    _, anybody = workers
    event = {"user_id": "ann", "item_id": "1", "event_type": "view", "session_id": "tab-1"}
    for _ in range(4):
        anybody("POST", "/events", json={**event, "timestamp": time.time()})
    who = [{"user_id": "ann"}, {"session_id": "tab-1"}] * 4
    given = [anybody("POST", "/recommendations", json=one).json() for one in who]
    time.sleep(0.1)
    known = [anybody("GET", "/users/ann/export").json() for _ in range(8)]

    told = anybody("DELETE", "/users/ann").json()
    time.sleep(0.1)
    left = [anybody("GET", "/users/ann/export").json() for _ in range(12)]
    after = [anybody("POST", "/recommendations", json=one).json() for one in who]
    explained = [anybody("GET", f"/explain/{x['recommendation_id']}") for x in given]

    assert [(len(x["session"]), len(x["answers"])) for x in known] == [(4, 4)] * 8
    assert (told["session"], told["events"], told["answers"]) == (True, 4, 8)
    assert {str([x["session"], x["event_log"], x["answers"]]) for x in left} == {"[[], [], []]"}
    assert not [x for x in after if x["items"][0]["reason"].startswith("because")]
    for answer in explained:
        problem(answer, 404)


def test_a_user_who_comes_back_after_being_forgotten_is_a_new_one(door):
    door.http.post("/events", json=door.event(user_id="returns"))
    door.http.delete("/users/returns")

    door.http.post("/events", json=door.event(user_id="returns", event_type="click"))
    time.sleep(0.1)
    left = door.http.get("/users/returns/export").json()

    assert [one["event_type"] for one in left["session"]] == ["click"]


def test_what_was_on_its_way_of_a_forgotten_user_is_not_taken_up(door):
    from recomart.events import parse_event

    late = parse_event(door.event(user_id="late"), time.time_ns() // 1_000)
    door.http.delete("/users/late")

    door.service.intake.observe([late])

    assert door.service.engine.sessions.of("late", 0) == []
