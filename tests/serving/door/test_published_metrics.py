"""What monitoring published is among the metrics, and never in anybody's way."""

import threading
import time

import pytest

from recomart.lake import Draft, Making, open_lake
from recomart.settings import load_settings
from tests.serving.door.conftest import opened

MAKING = Making(key="k", stage="monitoring", run_id="r")


def publish(folder, body):
    draft = Draft(open_lake(load_settings(folder, environment={})), "monitoring")
    draft.add_bytes("monitoring.prom", body)
    draft.commit(MAKING)


@pytest.fixture
def serving(shop):
    with opened(shop) as door:
        yield shop, door


def test_it_is_taken_over_and_replaced_as_a_whole(serving):
    shop, door = serving
    for n in (1, 2):
        publish(shop, b'# TYPE recomart_x gauge\nrecomart_x{of="%d"} 7\n' % n)
        door.until(lambda n=n: f'recomart_x{{of="{n}"}} 7' in door.http.get("/metrics").text)

    found = door.http.get("/metrics").text
    assert 'of="1"' not in found
    assert "recomart_model_info" in found


@pytest.mark.parametrize(
    "body",
    [
        b'recomart_x{of="1} 7\n',
        b"recomart_x seven\n",
        b"recomart_workers 9\n",
        b"\xff\n",
        b"x" * 2**21,
    ],
    ids=["torn", "no number", "one of ours", "no text", "large"],
)
def test_what_would_spoil_the_rest_is_refused(serving, body):
    shop, door = serving
    publish(shop, b"recomart_good 1\n")
    door.service.published.look()
    publish(shop, body)
    door.service.published.look()

    found = door.http.get("/metrics").text
    assert "recomart_good 1" in found
    assert found.count("\nrecomart_workers ") == 1


def test_a_lake_that_does_not_answer_holds_nobody_up(serving, monkeypatch):
    shop, door = serving
    publish(shop, b"recomart_good 1\n")
    door.until(lambda: "recomart_good 1" in door.http.get("/metrics").text)
    hangs, let_go = threading.Event(), threading.Event()

    def hang(*_):
        hangs.set()
        let_go.wait(30)
        raise OSError("away")

    monkeypatch.setattr(door.service.loader.lake, "find", hang)
    try:
        assert hangs.wait(5)
        began = time.perf_counter()
        for _ in range(20):
            assert "recomart_good 1" in door.http.get("/metrics").text
            assert door.http.post("/recommendations", json={}).status_code == 200
        took = time.perf_counter() - began
    finally:
        let_go.set()

    assert took < 5
