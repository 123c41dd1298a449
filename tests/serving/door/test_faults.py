"""While something is out of order, lists are given, events are refused honestly, and it is said."""

import sqlite3
import time
from contextlib import closing

import pytest

from recomart.errors import StoreUnavailableError
from recomart.events import EventFile, EventLog
from tests.serving.door.conftest import opened, problem


def full(door):
    """Let the disk be full, as SQLite sees it."""
    con = door.service.intake._log._place._con
    pages = con.execute("PRAGMA page_count").fetchone()[0]
    con.execute(f"PRAGMA max_page_count = {pages}")
    return con


@pytest.fixture
def own(trained, tmp_path):
    """A server with an event log of its own."""
    with opened(trained, events=str(tmp_path / "events.sqlite")) as door:
        yield door


def test_a_full_disk_refuses_events_and_nothing_else(own):
    con = full(own)
    many = [own.event(user_id=f"user-{k}-{'x' * 200}") for k in range(1_000)]

    refused = own.http.post("/events", json=many)

    assert "full" in problem(refused, 503)["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert own.http.post("/recommendations", json={}).status_code == 200
    assert own.http.get("/health").json()["status"] == "degraded"
    assert own.service.engine.sessions.of(many[0]["user_id"], 0) == []

    con.execute("PRAGMA max_page_count = 1000000")
    assert own.http.post("/events", json=many).json()["accepted"] == 1_000
    assert own.http.get("/health").json()["status"] == "ok"


def test_a_log_that_cannot_be_opened_refuses_events_and_nothing_else(trained, tmp_path):
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE theirs (a)")

    with opened(trained, events=str(path)) as door:
        problem(door.http.post("/events", json=door.event()), 503)
        assert door.http.post("/recommendations", json={}).status_code == 200
        health = door.http.get("/health").json()
        assert health["status"] == "degraded"
        assert not health["event_log"]["is_open"]

        path.unlink()
        door.service.intake._failed_at = 0
        assert door.http.post("/events", json=door.event()).status_code == 200


def test_a_log_that_may_only_be_read_refuses_events(own):
    own.service.intake._log._place._con.execute("PRAGMA query_only = ON")

    problem(own.http.post("/events", json=own.event()), 503)
    assert own.http.post("/recommendations", json={}).status_code == 200


def test_events_that_other_workers_take_are_known_at_once(own):
    path = own.service.intake.path
    now_us = time.time_ns() // 1_000
    item = own.event()["item_id"]
    from recomart.events import parse_event

    event = parse_event(own.event(user_id="elsewhere", item_id=item), now_us)
    with EventLog(path) as log:
        log.append([event]).result()

    own.until(lambda: own.service.engine.sessions.of("elsewhere", 0))
    answer = own.http.post("/recommendations", json={"user_id": "elsewhere"}).json()
    assert answer["items"][0]["reason"].startswith("because you viewed")


def test_events_of_before_the_start_are_known_and_all_were_kept(trained, tmp_path):
    path = str(tmp_path / "events.sqlite")
    with opened(trained, events=path) as door:
        door.http.post("/events", json=door.event(user_id="before"))

    with opened(trained, events=path) as door:
        assert door.service.engine.sessions.of("before", 0)

    with closing(EventFile(tmp_path / "events.sqlite")) as file:
        assert len(file.of_user("before")) == 1


def test_a_feature_store_that_is_down_does_not_stop_health(own):
    def down():
        raise StoreUnavailableError("The online store", "gone")

    own.service.online.freshness = down

    health = own.http.get("/health").json()
    assert health["status"] == "degraded"
    assert "gone" in health["troubles"][0]
    assert own.http.post("/recommendations", json={}).status_code == 200


def test_a_fault_of_ours_is_a_problem_that_tells_nothing_of_its_inside(own):
    def broken(_):
        raise RuntimeError("secret inside")

    own.service.engine.popular = broken

    told = problem(own.http.get("/popular"), 500)
    assert "secret" not in str(told)


def test_a_feature_store_that_comes_later_is_found(trained, tmp_path):
    (tmp_path / "taken").mkdir()
    place = tmp_path / "taken" / "online.sqlite"
    place.mkdir()  # nothing can be opened there

    settings = {("paths", "online"): str(place)}
    with opened(trained, more=settings, events=str(tmp_path / "events.sqlite")) as door:
        assert door.http.post("/recommendations", json={}).status_code == 200
        assert door.http.get("/health").json()["status"] == "degraded"

        place.rmdir()
        door.until(lambda: door.http.get("/health").json()["status"] == "ok")
