"""Models change while requests run; a bad one is refused, and the last good one stays."""

import threading

import pytest

from recomart.errors import RecomartError
from recomart.serving.service import Service
from recomart.settings import load_settings
from tests.serving.door.conftest import opened
from tests.small_shop import publish, spoil


def test_a_new_model_takes_over_while_requests_run_and_none_fails(shop):
    statuses, done = [], threading.Event()
    with opened(shop) as door:

        def ask():
            while not done.is_set():
                statuses.append(door.http.post("/recommendations", json={"user_id": "u01"}))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            publish(shop, "trending")
            door.until(lambda: door.http.get("/health").json()["model"]["number"] == 2)
        finally:
            done.set()
            asking.join()

        assert {answer.status_code for answer in statuses} == {200}
        assert {answer.json()["model"] for answer in statuses} == {"cooccurrence", "trending"}
        assert 'recomart_model_info{model="trending"' in door.http.get("/metrics").text
        assert door.http.get("/trending").json()["degraded_parts"] == []


def test_a_damaged_model_is_refused_told_of_and_the_last_good_one_answers(shop):
    with opened(shop, reload_s=3600) as door:
        publish(shop)
        spoil(shop, 2)

        door.service.look_for_champion()
        health = door.http.get("/health").json()

        assert health["status"] == "degraded"
        assert "sha256" in health["refused_model"]
        assert door.http.post("/recommendations", json={}).json()["model"] == "cooccurrence"


def test_it_starts_with_the_newest_model_that_is_whole(shop):
    publish(shop)
    spoil(shop, 2)

    with opened(shop) as door:
        assert door.http.get("/popular").json()["model"] == "cooccurrence"
        assert door.http.get("/health").json()["refused_model"].startswith("published model 2")


def test_without_any_model_that_is_whole_it_does_not_start(shop):
    spoil(shop, 1)

    with pytest.raises(RecomartError):
        Service(load_settings(shop, environment={}))
