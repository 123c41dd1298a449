"""A challenger answers unseen: it is compared, counted, logged, and stands in nobody's way."""

import io
import json
import logging
import shutil
import threading

import pytest

from recomart.lake import Making, open_lake
from recomart.ranking.aliases import promote
from recomart.serving.access import JsonLines
from recomart.serving.shadow import WAITING
from recomart.settings import load_settings
from tests.serving.door.conftest import opened
from tests.serving.door.test_metrics import metrics
from tests.serving.door.test_models import spoil
from tests.small_shop import publish

ANSWERED, DROPPED, FAILED = (
    ("recomart_shadow_answers_total", f"outcome={word}")
    for word in ("answered", "dropped", "failed")
)


@pytest.fixture(scope="module")
def contested(trained, tmp_path_factory):
    """A shop with a champion that is held, and a newer model."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("contested") / "shop")
    publish(folder, "popularity")
    lake = open_lake(load_settings(folder, environment={}))
    promote(
        lake, Making(key="k", stage="promote", run_id="r1"), 1, "the newer one is looked at first"
    )
    return folder


@pytest.fixture
def told():
    """Lines of the log, by event."""
    stream, logger = io.StringIO(), logging.getLogger("recomart.serving")
    handler = JsonLines(stream)
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)

    def lines(event):
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in found if line["event"] == event]

    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def challenged(folder, tmp_path, **serving):
    return opened(folder, shadow=1.0, events=str(tmp_path / "events.sqlite"), **serving)


def wait_for_challenger(door):
    return door.until(lambda: door.http.get("/health").json()["challenger"])


def ask(door, **body):
    return door.http.post("/recommendations", json={"user_id": "u01", **body}).json()


def test_it_is_compared_with_the_champion_and_never_seen(contested, tmp_path, told):
    with challenged(contested, tmp_path) as door:
        assert wait_for_challenger(door)["name"] == "popularity"
        given = ask(door)
        [line] = door.until(lambda: told("shadow_answered"))
        found = metrics(door.http)

    assert given["model"] == "cooccurrence"
    assert line["recommendation_id"] == given["recommendation_id"]
    assert line["items"] == [one["item_id"] for one in given["items"]]
    both = {*line["items"]} & {*line["shadow_items"]}
    assert line["overlap"] == len(both) / 10
    assert line["shadow_version"] != given["model_version"]
    assert found[ANSWERED] == 1
    assert found["recomart_shadow_overlap_sum", ""] == line["overlap"]
    assert found["recomart_shadow_seconds_count", ""] == 1
    assert "u01" not in json.dumps(line)


def test_off_no_challenger_is_loaded(contested, tmp_path):
    with opened(contested, events=str(tmp_path / "events.sqlite")) as door:
        ask(door)

        assert door.http.get("/health").json()["challenger"] is None
        assert not door.service.shadow._thread.is_alive()
        assert ANSWERED not in metrics(door.http)


def test_a_model_may_be_named(contested, tmp_path):
    with challenged(contested, tmp_path, shadow_model=2) as door:
        assert wait_for_challenger(door)["number"] == 2

    with challenged(contested, tmp_path, shadow_model=7) as door:
        said = door.until(lambda: door.http.get("/health").json()["troubles"])

    assert "no published model" in said[0]


def test_what_it_cannot_keep_up_with_is_dropped_and_counted(contested, tmp_path):
    with challenged(contested, tmp_path) as door:
        wait_for_challenger(door)
        may_go_on = threading.Event()
        hold_up(door.service.shadow.served.champion, may_go_on.wait)
        try:
            statuses = {ask(door)["model"] for _ in range(WAITING + 5)}
        finally:
            may_go_on.set()
        found = metrics(door.http)

    assert statuses == {"cooccurrence"}
    assert 3 <= found[DROPPED] <= 5


def test_one_that_fails_is_counted_and_the_champion_goes_on(contested, tmp_path, told):
    def fail():
        raise RuntimeError("u01 is in this")

    with challenged(contested, tmp_path) as door:
        wait_for_challenger(door)
        hold_up(door.service.shadow.served.champion, fail)
        given = ask(door)
        [line] = door.until(lambda: told("shadow_failed"))
        found = metrics(door.http)

    assert given["model"] == "cooccurrence"
    assert found[FAILED] == 1
    assert "u01" not in json.dumps(line)


def hold_up(champion, first):
    """Let a champion do something before it answers."""
    answer = champion.answer

    def later(*args, **options):
        first()
        return answer(*args, **options)

    champion.answer = later


def test_a_broken_challenger_is_refused_and_reported(contested, tmp_path):
    folder = shutil.copytree(contested, tmp_path / "shop")
    spoil(folder, 2)

    with challenged(folder, tmp_path) as door:
        refused = door.until(lambda: door.http.get("/health").json()["refused_model"])

        assert refused.startswith("published model 2")
        assert door.http.get("/health").json()["challenger"] is None
        assert ask(door)["model"] == "cooccurrence"
