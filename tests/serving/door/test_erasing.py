"""`recomart erase` beside a server: nobody else notices, and who is erased is new."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import closing, contextmanager
from threading import Event, Thread

import httpx
import pytest

from recomart.events import EventFile
from recomart.experiments import changes
from recomart.lake import open_lake
from recomart.settings import load_settings
from tests.chaos.served import Load, serving, until
from tests.erased import MAKING, NOW_US

SILENT, CHATTY = "u60", "new-and-chatty"
"""The first is known to the model, and the load asks for neither."""
EXPERIMENTS = """\
experiments: {tests: {trial: {variants: {old: {share: 0.5}, new: {share: 0.5}}}}}
"""
N = 6
"""Questions over connections of their own, so that each worker hears some."""


@pytest.fixture
def shop(small_shop, tmp_path):
    """A copy of the shop in which an experiment runs."""
    folder = shutil.copytree(small_shop, tmp_path / "shop")
    settings = folder / "recomart.yaml"
    settings.write_text(settings.read_text() + EXPERIMENTS)
    loaded = load_settings(folder, environment={})
    lake = open_lake(loaded)
    changes.put(lake, MAKING, changes.started(loaded, lake, "trial", NOW_US, "test"))
    return folder


def ask(served, method, path, body=None):
    return httpx.request(
        method, f"{served.url}{path}", json=body, headers={"connection": "close"}, timeout=20
    )


def seen(served, user):
    """A list of a user: its id and its items."""
    answer = ask(served, "POST", "/recommendations", {"user_id": user, "n_items": 5})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return told["recommendation_id"], [line["item_id"] for line in told["items"]]


def did(served, user, item="1"):
    body = {"user_id": user, "item_id": item, "event_type": "view", "timestamp": time.time()}
    return ask(served, "POST", "/events", {**body, "session_id": f"visit-{user}"})


def known(served, user):
    """How much the service knows of a user: events, answers, history."""
    told = ask(served, "GET", f"/users/{user}/export").json()
    return tuple(len(told[part]) for part in ("event_log", "answers", "model"))


@contextmanager
def chatting(served, user):
    """Let a user ask and do things until the block ends."""
    stop, statuses = Event(), set()

    def chat():
        while not stop.is_set():
            seen(served, user)
            statuses.add(did(served, user).status_code)

    thread = Thread(target=chat)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


def erased(program, folder, user):
    """Run the command; return when it began."""
    began_us = time.time_ns() // 1_000
    command = [program, "-s", folder, "erase", "--user", user]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return began_us


def test_beside_a_server_others_notice_nothing_and_who_is_erased_is_new(shop, preloaded):
    with serving(shop) as served, Load(served, callers=1) as load:
        listed = [seen(served, SILENT)[0] for _ in range(N)]
        assert did(served, SILENT).status_code == 200
        until(lambda: min(known(served, SILENT)[:2]) > 0, "what is kept")
        assert known(served, SILENT)[2] > 0

        erased(preloaded, shop, SILENT)
        with chatting(served, CHATTY) as statuses:
            until(lambda: known(served, CHATTY)[1] > 5, "answers")
            began_us = erased(preloaded, shop, CHATTY)

        until(lambda: {known(served, SILENT) for _ in range(N)} == {(0, 0, 0)}, "to be forgotten")
        assert {ask(served, "GET", f"/explain/{one}").status_code for one in listed} == {404}
        assert seen_by_each(served, SILENT) == seen_by_each(served, "nobody-ever-met")
        assert statuses == {200}
        with closing(EventFile(served.events)) as log:
            assert all(event.arrived_us > began_us for event in log.of_user(CHATTY))

        assert did(served, SILENT).status_code == 200
        until(lambda: known(served, SILENT)[0] == 1, "the event of a new user")
    assert {status for _, status in load.statuses} <= {200, 429}, load.statuses
    assert load.n("/recommendations", 200) > 20
    load.hold()


def seen_by_each(served, user):
    """The lists of a user in all workers."""
    return {tuple(seen(served, user)[1]) for _ in range(N)}
