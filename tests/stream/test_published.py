"""From POST /events to the broker, the stream, the lake and other workers' lists.

``RECOMART_KILLS=100`` makes the test of kills a long one.
"""

import os
import random
import shutil
import signal
import time
from contextlib import ExitStack, contextmanager

import pytest

from recomart.events import EventFile
from recomart.stream.publishing import to_broker
from tests.chaos.served import Load, serving
from tests.servers import find, free_port, running
from tests.serving.door.conftest import opened
from tests.stream.senders import Redis
from tests.stream.shops import Shop, killed, until

KILLS = int(os.environ.get("RECOMART_KILLS", "3"))
KNOWN_S = 2.0
"""Within which all workers know of an event."""


@pytest.fixture
def folder(small_shop, tmp_path):
    return shutil.copytree(small_shop, tmp_path / "shop")


@contextmanager
def redis_that_keeps(port, folder):
    """Run a Redis that has written what it acknowledged, whenever it is killed."""
    kept = ["--dir", str(folder), "--appendonly", "yes", "--save", ""]
    command = [find("redis-server"), "--port", str(port), "--bind", "127.0.0.1", *kept]
    with running(command, port) as server:
        yield server


def purchase(user_id, item_id):
    told = {"user_id": user_id, "item_id": item_id, "event_type": "purchase"}
    return {**told, "timestamp": time.time()}


def in_lists(served, user_id):
    """Return what all workers would show somebody, asked over connections that any may take."""
    lists = [served.recommended(user_id).json()["items"] for _ in range(8)]
    return {line["item_id"] for one in lists for line in one}


def test_what_is_posted_is_known_at_once_and_in_the_lake_once(folder, sender):
    shop = Shop(folder, sender)
    with opened(folder, taking=to_broker) as door:
        door.until(lambda: door.service.intake._log._place._producer is not None)
        [line, *_] = door.http.post("/recommendations", json={"user_id": "u07"}).json()["items"]
        body = purchase("u07", line["item_id"])
        answers = [
            door.http.post("/events", json=[body, {**body, "event_type": "view"}]).json()
            for _ in range(2)
        ]
        after = door.http.post("/recommendations", json={"user_id": "u07"}).json()["items"]
        assert EventFile(shop.log).newest_seq() == 0  # the API wrote none of it
        shop.once()
        door.until(lambda: len(door.service.events_of("u07")) == 2)

    assert answers[0]["accepted"] == 2
    assert answers[0] == answers[1]
    assert line["item_id"] not in {one["item_id"] for one in after}
    assert shop.ids() == sorted(one["event_id"] for one in answers[0]["events"])


@pytest.mark.long
def test_while_the_broker_is_away_lists_go_on_and_no_acknowledged_event_is_lost(folder, tmp_path):
    port = free_port()
    shop = Shop(folder, Redis(f"redis://127.0.0.1:{port}/0"), publish="true")
    with ExitStack() as stack:
        redis = stack.enter_context(redis_that_keeps(port, tmp_path))
        served = stack.enter_context(serving(folder))
        stack.enter_context(shop.process())
        until(lambda: "Taking" in shop.told(), "the stream")
        all_workers_know(served)
        load = stack.enter_context(Load(served))
        until(lambda: len(load.acknowledged) > 100, "a load")
        killed(redis)
        refused, troubles = all_goes_on_but_events(served, load)
        n_before = len(load.acknowledged)
        stack.enter_context(redis_that_keeps(port, tmp_path))
        until(lambda: len(load.acknowledged) > n_before + 100, "more events")
        load.__exit__()
        until(lambda: not missing(load, shop), "all in the lake")

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert any("Redis at" in one for one in troubles), troubles
    wanted = {("/recommendations", 200), ("/events", 200), ("/events", 503)}
    assert set(load.statuses) == wanted
    assert len(shop.ids()) == len(set(shop.ids()))


def all_goes_on_but_events(served, load):
    """Wait until events are refused; return how one is, and what is said to be out of order."""
    until(lambda: load.n("/events", 503) > 20, "word of it")
    n_lists = load.n("/recommendations", 200)
    until(lambda: load.n("/recommendations", 200) > n_lists + 50, "more lists")
    return served.http.post("/events", json=purchase("u01", "1")), served.health()["troubles"]


def all_workers_know(served):
    """Hold all workers to know soon what somebody bought."""
    [item_id, *_] = in_lists(served, "u07")
    served.http.post("/events", json=purchase("u07", item_id)).raise_for_status()
    until(lambda: item_id not in in_lists(served, "u07"), "another list of all", KNOWN_S)


def missing(load, shop):
    """Return acknowledged events that are not in the lake."""
    return set(load.acknowledged) - set(shop.ids())


@pytest.mark.long
def test_workers_are_killed_again_and_again_and_no_acknowledged_event_is_lost(folder, kafka):
    shop, rng = Shop(folder, kafka, publish="true"), random.Random(7)
    with serving(folder) as served, shop.process():
        with Load(served) as load:
            for _ in range(KILLS):
                n_before = len(load.acknowledged)
                until(lambda: len(load.acknowledged) > n_before + 30, "a load")  # noqa: B023
                os.kill(rng.choice(served.workers()), signal.SIGKILL)
                until(lambda: len(served.workers()) == 2, "another worker")
        until(lambda: not missing(load, shop), "all in the lake")

    assert len(shop.ids()) == len(set(shop.ids()))
    assert load.n("/events", 200) == len(load.acknowledged) > KILLS * 30
