"""Limits: what is too much is refused at once, and the rest goes on."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.serving.door.conftest import opened, problem


@pytest.fixture
def limited(trained, tmp_path):
    """Serve with other limits."""

    def serve(**limits):
        return opened(trained, events=str(tmp_path / "events.sqlite"), **limits)

    return serve


def slowly(door, seconds):
    """Let the engine take its time."""
    quick = door.service.engine.popular

    def slow(n):
        time.sleep(seconds)
        return quick(n)

    door.service.engine.popular = slow


def test_more_requests_than_can_wait_are_refused_at_once(limited):
    with limited(max_requests=3) as door, ThreadPoolExecutor(12) as pool:
        slowly(door, 0.3)

        def ask(_):
            began = time.monotonic()
            return httpx.get(f"{door.url}/popular", timeout=20), time.monotonic() - began

        answers = list(pool.map(ask, range(12)))
        refused = [(one, took) for one, took in answers if one.status_code == 503]

        assert len(answers) - len(refused) == 3
        assert all(one.headers["retry-after"] == "1" for one, _ in refused)
        assert problem(refused[0][0], 503)["code"] == "RM-412"
        assert door.http.get("/popular").status_code == 200  # it has recovered


def test_a_worker_that_is_full_still_says_that_it_lives(limited):
    with limited(max_requests=1) as door, ThreadPoolExecutor(1) as pool:
        slowly(door, 0.5)
        busy = pool.submit(httpx.get, f"{door.url}/popular", timeout=20)
        door.until(lambda: door.http.get("/health").status_code == 503)

        assert door.http.get("/health/live").status_code == 200
        assert busy.result().status_code == 200


def test_a_caller_is_held_to_a_rate(limited):
    with limited(max_requests_per_s=5) as door:
        statuses = [door.http.get("/popular").status_code for _ in range(8)]
        refused = door.http.get("/popular")

        assert statuses[:5] == [200] * 5
        assert statuses[-1] == 429
        problem(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1


def test_what_takes_too_long_is_ended(limited):
    with limited(timeout_s=0.2) as door:
        slowly(door, 0.6)

        problem(door.http.get("/popular"), 503)


def test_a_body_that_does_not_come_is_not_waited_for(limited):
    with limited(timeout_s=0.3) as door:
        host, port = door.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(
                b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )

            assert raw.recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_half_open_connections_do_not_stop_it(limited):
    with limited() as door:
        host, port = door.url.removeprefix("http://").split(":")
        half = [socket.create_connection((host, int(port)), timeout=5) for _ in range(200)]
        try:
            for one in half:
                one.sendall(
                    b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
                )
            assert door.http.get("/popular").status_code == 200
        finally:
            for one in half:
                one.close()


def test_pages_of_a_named_origin_may_ask(limited):
    with limited(cors_origins=("https://shop.example",)) as door:
        asked = {"access-control-request-method": "POST"}
        mine = door.http.options("/events", headers={"origin": "https://shop.example", **asked})
        theirs = door.http.get("/popular", headers={"origin": "https://evil.example"})

        assert mine.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in theirs.headers
