"""Limits: what is too much is refused at once, and the rest goes on."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Event

import httpx
import pytest

from recomart.errors import SettingsError
from recomart.serving.listening import listen
from recomart.serving.parting import turning_away
from recomart.serving.running import configured
from recomart.settings import ServingSettings
from tests.serving.door.conftest import opened, problem


@pytest.fixture
def limited(trained, tmp_path):
    """Serve with other limits."""

    def serve(**limits):
        return opened(trained, events=str(tmp_path / "events.sqlite"), **limits)

    return serve


def held(door):
    """Let the engine wait until it is told to go on."""
    quick, go_on = door.service.engine.popular, Event()

    def slow(n):
        assert go_on.wait(20)
        return quick(n)

    door.service.engine.popular = slow
    return go_on


def test_more_requests_than_can_wait_are_refused_at_once(limited):
    with limited(max_requests=3) as door, ThreadPoolExecutor(12) as pool:
        go_on = held(door)
        asked = [pool.submit(httpx.get, f"{door.url}/popular", timeout=20) for _ in range(12)]
        door.until(lambda: sum(one.done() for one in asked) == 9)
        refused = [one.result() for one in asked if one.done()]
        go_on.set()

        assert sorted(one.result().status_code for one in asked) == [200] * 3 + [503] * 9
        assert all(one.headers["retry-after"] == "1" for one in refused)
        assert problem(refused[0], 503)["code"] == "RM-412"
        assert door.http.get("/popular").status_code == 200  # it has recovered


def test_a_list_that_would_wait_too_long_is_refused_at_once_and_events_are_not(limited):
    with limited(threads=1, max_wait_s=0.2) as door, ThreadPoolExecutor(12) as pool:
        quick = door.service.engine.popular
        door.service.engine.popular = lambda n: time.sleep(0.05) or quick(n)
        for _ in range(40):  # so it learns what one takes: 50 ms
            door.http.get("/popular")
        # by one client: making a dozen takes so long that they would not come together
        asked = [pool.submit(door.http.get, "/popular", timeout=20) for _ in range(12)]
        taken = door.http.post("/events", json=door.event())
        statuses = sorted(one.result().status_code for one in asked)

        assert 1 <= statuses.count(200) <= 8  # four wait 200 ms; some leave while others come
        assert statuses.count(503) == 12 - statuses.count(200)
        assert taken.status_code == 200
        assert door.http.get("/popular").status_code == 200  # it has recovered


def test_a_slow_list_does_not_lock_the_door_for_ever(limited):
    with limited(threads=1, max_wait_s=0.05) as door:
        quick, waits = door.service.engine.popular, iter([0.6] * 4)
        door.service.engine.popular = lambda n: time.sleep(next(waits, 0)) or quick(n)
        statuses = [door.http.get("/popular").status_code for _ in range(8)]

        assert statuses == [200] * 8


def test_while_a_list_is_made_health_and_metrics_are_told(limited):
    with limited(threads=1) as door, ThreadPoolExecutor(1) as pool:
        go_on = held(door)
        busy = pool.submit(httpx.get, f"{door.url}/popular", timeout=20)

        assert door.http.get("/health").status_code == 200
        assert door.http.get("/metrics").status_code == 200
        assert not busy.done()
        go_on.set()
        assert busy.result().status_code == 200


def test_workers_that_look_in_turn_share_who_comes():
    with listen("127.0.0.1", 0) as listener, ExitStack() as stack:
        listener.setblocking(False)
        for _ in range(2):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        first, _ = listener.accept()
        with first, pytest.raises(BlockingIOError):  # now it is the turn of another
            listener.accept()
        listener.accept()[0].close()


def test_a_worker_that_is_full_still_says_that_it_lives(limited):
    with limited(max_requests=1) as door, ThreadPoolExecutor(1) as pool:
        go_on = held(door)
        busy = pool.submit(httpx.get, f"{door.url}/popular", timeout=20)
        door.until(lambda: door.http.get("/health").status_code == 503)

        assert door.http.get("/health/live").status_code == 200
        go_on.set()
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
        go_on = held(door)

        problem(door.http.get("/popular"), 503)
        go_on.set()


def test_a_body_that_does_not_come_is_not_waited_for(limited):
    with limited(timeout_s=0.3) as door:
        host, port = door.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(
                b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )

            assert raw.recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_pages_of_a_named_origin_may_ask(limited):
    with limited(cors_origins=("https://shop.example",)) as door:
        asked = {"access-control-request-method": "POST"}
        mine = door.http.options("/events", headers={"origin": "https://shop.example", **asked})
        theirs = door.http.get("/popular", headers={"origin": "https://evil.example"})

        assert mine.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in theirs.headers


def raw(door, *sent, timeout=20):
    """Send bytes over a connection of one's own, and leave it open."""
    host, port = door.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=timeout)
    for part in sent:
        connection.sendall(part)
    return connection


def is_closed(connection):
    """Whether the other side has closed it, with or without a word."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


HEAD = b"GET /popular HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_five_hundred_half_open_connections_stop_nobody_and_are_closed(limited):
    with limited(header_timeout_s=1) as door:
        half = [raw(door, *([HEAD] * (k % 2))) for k in range(500)]
        began = time.monotonic()

        assert door.http.get("/popular").status_code == 200
        dripped = raw(door, HEAD)
        while not is_closed(dripped) and time.monotonic() - began < 20:
            with suppress(ConnectionError):
                dripped.sendall(b"X")
            time.sleep(0.1)

        door.until(lambda: all(map(is_closed, half)))
        assert is_closed(dripped)
        assert door.http.get("/popular").status_code == 200
        for one in [*half, dripped]:
            one.close()


def test_whoever_drips_after_an_answer_is_closed_too(limited):
    with limited(header_timeout_s=0.5) as door:
        connection = raw(door, HEAD + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(0.2)
        connection.sendall(b"GET")

        door.until(lambda: is_closed(connection))
        connection.close()


def test_beyond_the_most_connections_the_longest_silent_is_closed(limited):
    with limited(max_connections=20) as door:
        silent = [raw(door) for _ in range(40)]
        door.until(lambda: sum(map(is_closed, silent)) >= 20)

        assert not is_closed(silent[-1])
        assert httpx.get(f"{door.url}/popular").status_code == 200
        for one in silent:
            one.close()


def test_where_all_connections_are_used_a_new_one_is_closed(limited):
    with limited(max_connections=2) as door:
        used = [raw(door, HEAD + b"\r\n") for _ in range(2)]
        assert all(one.recv(100).startswith(b"HTTP/1.1 200") for one in used)

        with raw(door) as new:
            door.until(lambda: is_closed(new))
        for one in used:
            one.close()


def test_a_body_that_drips_is_not_waited_for(limited):
    with limited(timeout_s=0.5) as door:
        connection = raw(door, POST + b"Content-Length: 100\r\n\r\n")
        connection.settimeout(0.05)
        heard = b""
        while not heard:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                heard = connection.recv(1_000)

        assert heard.startswith(b"HTTP/1.1 408 ")
        connection.close()


def test_whoever_does_not_read_answers_is_closed(limited):
    with limited(timeout_s=0.5) as door:
        connection = raw(door)
        connection.setblocking(False)
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100

        def is_cut_off():
            try:
                connection.send(asked)
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
            return False

        door.until(is_cut_off)
        connection.close()

        assert door.http.get("/popular").status_code == 200


def test_all_bodies_together_have_a_limit(limited):
    with limited(max_bodies_bytes=200_000, timeout_s=30) as door:
        first = raw(door, POST + b"Content-Length: 180000\r\n\r\n", b" " * 170_000)
        door.until(lambda: door.http.post("/events", content=b" " * 50_000).status_code == 503)
        refused = door.http.post("/events", content=b" " * 50_000)
        assert problem(refused, 503)["code"] == "RM-412"
        assert refused.headers["retry-after"] == "1"
        assert door.http.get("/popular").status_code == 200

        first.sendall(b" " * 10_000)
        assert first.recv(1_000).startswith(b"HTTP/1.1 400 ")  # read whole, and no JSON
        first.close()
        problem(door.http.post("/events", content=b" " * 50_000), 415)


def test_one_body_alone_may_be_as_large_as_a_body_may_be(limited):
    with limited(max_bodies_bytes=2_000) as door:
        problem(door.http.post("/events", content=b" " * 500_000), 415)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /popular HTTP/1.1\r\nX: " + b"x" * (1 << 20),
        b"GET /" + b"x" * (1 << 20),
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " + b"x" * (1 << 20),
    ],
    ids=["header", "path", "trailer"],
)
def test_a_head_has_its_limit(door, sent):
    with raw(door) as connection:
        with suppress(ConnectionError):  # it need not read to the end
            connection.sendall(sent)
        with suppress(ConnectionError):
            assert connection.recv(100).split(b" ")[1] in {b"431", b"400"}
        door.until(lambda: is_closed(connection))


def test_what_comes_after_a_body_is_no_header(door):
    head = POST.replace(b"/events", b"/recommendations")
    body = b"2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\n\r\n"
    sent = head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    with raw(door, sent) as connection:
        heard = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert heard.startswith(b"HTTP/1.1 200")  # as a header it would be refused


def test_what_is_no_http_is_told_so_by_a_problem(door):
    with raw(door, b"\x16\x03\x01 nonsense\r\n\r\n") as connection:
        heard = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert b"application/problem+json" in heard
    assert b"RM-190" in heard


def test_more_connections_than_files_may_be_open_are_refused_at_the_start():
    with pytest.raises(SettingsError, match="open files"):
        configured(None, ServingSettings(max_connections=10**12))


def test_who_comes_while_the_server_ends_is_told_so():
    with listen("127.0.0.1", 0) as listener, turning_away([listener]):
        answer = httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}/popular", timeout=20)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "The server is being stopped."


def test_turning_away_lets_no_worker_wait_in_accept():
    with listen("127.0.0.1", 0) as listener:
        worker = socket.socket(fileno=os.dup(listener.fileno()))  # as a worker has it
        worker.setblocking(False)
        with worker, turning_away([listener]):
            assert not os.get_blocking(worker.fileno())
