"""From POST /events to the broker, the stream, the lake and other workers' lists.

Processes, as people run them. ``RECOMART_KILLS=100`` makes the test of kills a long one.
"""

import os
import random
import shutil
import signal
import time
from contextlib import contextmanager

import pytest

from tests.chaos.served import Load, serving
from tests.servers import find, free_port, running
from tests.stream.senders import Redis
from tests.stream.shops import Shop, until

KILLS = int(os.environ.get("RECOMART_KILLS", "4"))
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


def test_what_is_bought_is_in_no_worker_s_list_any_more_and_in_the_lake_once(folder, sender):
    shop = Shop(folder, sender, publish="true")
    with serving(folder) as served, shop.process():
        user_id, said = "u07", served.health()
        [item_id, *_] = in_lists(served, user_id)
        body = purchase(user_id, item_id)
        answer = served.http.post("/events", json=[body, {**body, "event_type": "view"}])
        published_at = time.monotonic()
        again = served.http.post("/events", json=body)
        until(lambda: item_id not in in_lists(served, user_id), "another list", KNOWN_S)
        seconds = time.monotonic() - published_at
        until(lambda: len(shop.ids()) == 2, "the events in the lake")

    assert said["status"] == "ok"
    assert answer.json()["accepted"] == 2
    assert again.json()["events"] == answer.json()["events"][:1]
    assert seconds < KNOWN_S
    shop.once()
    assert len(set(shop.ids())) == len(shop.ids()) == 2


def test_while_the_broker_is_away_lists_go_on_and_no_acknowledged_event_is_lost(folder, tmp_path):
    port = free_port()
    shop = Shop(folder, Redis(f"redis://127.0.0.1:{port}/0"), publish="true")
    with (
        redis_that_keeps(port, tmp_path) as redis,
        serving(folder) as served,
        shop.process(),
        Load(served) as load,
    ):
        until(lambda: len(load.acknowledged) > 100, "a load")
        redis.kill()
        redis.wait()
        until(lambda: load.n("/events", 503) > 20, "word of it")
        n_lists, trouble = load.n("/recommendations", 200), served.health()["troubles"]
        until(lambda: load.n("/recommendations", 200) > n_lists + 50, "more lists")
        refused = served.http.post("/events", json=purchase("u01", "1"))
        n_before = len(load.acknowledged)
        with redis_that_keeps(port, tmp_path):
            until(lambda: len(load.acknowledged) > n_before + 100, "more events")
            load.__exit__()
            until(lambda: not missing(load, shop), "all in the lake")

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert any("Redis at" in one for one in trouble), trouble
    assert set(load.statuses) <= {
        ("/recommendations", 200), ("/events", 200), ("/events", 503)
    }  # fmt: skip
    assert len(shop.ids()) == len(set(shop.ids()))


def missing(load, shop):
    """Return acknowledged events that are not in the lake."""
    return set(load.acknowledged) - set(shop.ids())


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
