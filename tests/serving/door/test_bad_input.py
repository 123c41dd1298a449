"""Whatever is sent, the answer is below 500, and a problem document."""

import json
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.door.conftest import problem

JSON = {"content-type": "application/json"}
DEEP = "[" * 100_000 + "]" * 100_000
DOORS = ("/recommendations", "/events", "/bundle")


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"user_id": "\xff"}',
        rb'{"user_id": "\ud800"}',
        b'{"price": NaN}',
        b'{"min_confidence": Infinity}',
        DEEP.encode(),
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"9" * 5_000,
    ],
    ids=["empty", "cut", "latin", "surrogate", "nan", "inf", "deep", "deep objects", "digits"],
)
def test_what_is_no_json_is_refused(door, path, body):
    problem(door.http.post(path, content=body, headers=JSON), 400)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "7",
        "null",
        '{"n_items": true}',
        '{"n_items": 0}',
        '{"n_items": 101}',
        '{"n_items": 1.5}',
        '{"n_items": "3"}',
        '{"n_items": 36893488147419103232}',
        '{"user_id": 7}',
        '{"user_id": ""}',
        '{"user_id": "%s"}' % ("x" * 257),
        '{"min_confidence": true}',
        '{"min_confidence": 1.5}',
        '{"filters": {"max_price": 1e400}}',
        '{"filters": {"min_price": 3, "max_price": 2}}',
        '{"filters": {"colour": "red"}}',
        '{"items": "i1"}',
        '{"user": "u1"}',
        '{"__proto__": {}}',
        '{"user_id": null, "exclude_seen": 1}',
    ],
)
def test_a_question_that_does_not_fit_is_refused(door, body):
    told = problem(door.http.post("/recommendations", content=body, headers=JSON), 422)

    assert told["faults"]


@pytest.mark.parametrize(
    "change",
    [
        {"price": True},
        {"price": 10**30},
        {"quantity": -1},
        {"timestamp": 4e9},
        {"timestamp": 1},
        {"timestamp": 10**400},
        {"user_id": None},
        {"user_id": "a\u0000b"},
        {"event_type": "steal"},
        {"event_type": "rate"},
        {"item_id": ["i"]},
        {"colour": "red"},
    ],
    ids=str,
)
def test_an_event_that_does_not_fit_is_refused(door, change):
    told = problem(door.http.post("/events", json=door.event(**change)), 422)

    assert told["code"] == "RM-180"
    assert told["faults"]


def test_one_bad_event_refuses_the_list_and_its_place_is_told(door):
    good = door.event(user_id="of-a-bad-list")

    told = problem(door.http.post("/events", json=[good, door.event(price="7")]), 422)

    assert told["faults"][0]["field"] == "1.price"
    assert door.http.get("/users/of-a-bad-list/export").json()["event_log"] == []


@pytest.mark.parametrize("n", [0, 1_001])
def test_a_list_of_events_has_its_limits(door, n):
    problem(door.http.post("/events", json=[{}] * n), 422)


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("kind", ["text/plain", "application/jsonx", "", "application/x-ndjson"])
def test_another_kind_of_content_is_refused(door, path, kind):
    problem(door.http.post(path, content=b"{}", headers={"content-type": kind}), 415)


def test_a_compressed_body_is_refused(door):
    headers = {**JSON, "content-encoding": "gzip"}

    problem(door.http.post("/recommendations", content=b"{}", headers=headers), 415)


def test_paths_and_methods_that_are_not_there_are_problems(door):
    problem(door.http.get("/nothing"), 404)
    problem(door.http.get("/docs"), 404)
    told = door.http.put("/popular")
    problem(told, 405)
    assert told.headers["allow"] == "GET"


@pytest.mark.parametrize("n", ["0", "101", "x", "1.5", "true", "9" * 5_000, "NaN", "%ff"])
def test_parameters_that_do_not_fit_are_refused(door, n):
    problem(door.http.get(f"/popular?n_items={n}"), 422)


@pytest.mark.parametrize("item", ["%00", "%ff", "%ED%A0%80", "a%2Fb", "x" * 256, "%F0%9F%98%80"])
def test_odd_paths_are_refused(door, item):
    problem(door.http.get(f"/items/{item}/similar"), 404)


def test_a_body_that_is_too_large_is_refused(door):
    problem(door.http.post("/events", content=b" " * (2 << 20), headers=JSON), 413)


def test_two_hundred_megabytes_in_chunks_are_refused_and_not_kept(door):
    block = b" " * (1 << 20)
    before = rss_bytes()

    problem(door.http.post("/events", content=(block for _ in range(200)), headers=JSON), 413)

    assert rss_bytes() - before < 100 << 20


def rss_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


def test_a_request_that_is_no_http_does_no_harm(door):
    host, port = door.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert b" 400 " in raw.recv(1_000)

    assert door.http.get("/health/live").status_code == 200


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["u01", "view", "2026-01-01T00:00:00Z", 1e9]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["user_id", "item_id", "event_type", "timestamp", "n_items", "items", "filters", "price"]
)
BODIES = VALUES | st.dictionaries(FIELDS, VALUES, max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(DOORS), body=BODIES)
def test_no_json_makes_it_fail(door, path, body):
    answer = door.http.post(path, content=json.dumps(body).encode(), headers=JSON)

    assert answer.status_code == 200 or problem(answer, answer.status_code)
    assert answer.status_code < 500


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(DOORS), body=st.binary(max_size=200))
def test_no_bytes_make_it_fail(door, path, body):
    answer = door.http.post(path, content=body, headers=JSON)

    assert answer.status_code < 500
