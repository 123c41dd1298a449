"""Faults of those who ask (too many, too slow, too much, nonsense) and of processes that end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from contextlib import suppress

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.served import Load, serving, until

JSON = {"content-type": "application/json"}
HEAD = b"POST /events HTTP/1.1\r\nHost: localhost\r\n"
KINDS = ("text/plain", "", "application/x-ndjson", "application/json; charset=utf-16")
PATHS = (
    *("/items/%00/similar", "/popular?n_items=9e9", "/%ff", "/users/%ED%A0%80/export"),
    *("/popular?n_items=" + "9" * 5_000, "/../../etc/passwd", "/shop/%2e%2e/x"),
)
HALF_OPEN = 500
HEAD_S = 3
"""How long a head may take, in the fault of half-open connections."""


def half_open(folder):
    """500 connections that send nothing, half a head, or a byte a second."""
    with serving(folder, header_timeout_s=HEAD_S) as served:
        parts = itertools.cycle([(), (HEAD,), (HEAD + b"X: ",)])
        half = [served.raw(*part) for part in itertools.islice(parts, HALF_OPEN)]
        for one in half:
            one.setblocking(False)
        with Load(served) as load:
            began = time.monotonic()
            left = half
            while left and time.monotonic() - began < 10 * HEAD_S:
                time.sleep(1)
                for one in left[2::3]:
                    with suppress(OSError):
                        one.send(b"x")
                left = [one for one in left if not _is_closed(one)]
            took = time.monotonic() - began
        assert not left, f"{len(left)} connections are still open"
        for one in half:
            one.close()
        return f"all closed within {took:.0f} s (limit {HEAD_S} s); {load.hold()}"


def _is_closed(connection):
    try:
        return not connection.recv(65_536)
    except BlockingIOError:
        return False
    except OSError:
        return True


def large_bodies(folder):
    """Bodies of 200 MB, told of and in chunks."""
    block = b" " * (1 << 20)
    with serving(folder) as served:
        served.recommended()
        before = served.memory_bytes()
        with Load(served, callers=2) as load:
            refused = [
                httpx.post(f"{served.url}/events", content=content, headers=headers, timeout=60)
                for content, headers in (
                    ((block for _ in range(200)), JSON),
                    (block * 200, JSON),
                    ((block for _ in range(200)), {**JSON, "expect": "100-continue"}),
                )
            ]
        more = served.memory_bytes() - before
        statuses = [one.status_code for one in refused]
        assert {*statuses} <= {413, 408}, statuses  # 408: it did not come in time
        assert more < 100 << 20, f"{more:,} bytes more"
        return f"{statuses}, {more >> 20} MiB more memory; {load.hold()}"


def _bad_bodies():
    event = {"user_id": "u01", "item_id": "1", "event_type": "view", "timestamp": time.time()}
    changes = [
        {"price": True}, {"price": 10**30}, {"quantity": -1}, {"timestamp": 4e9}, {"timestamp": 1},
        {"timestamp": "9999-12-31T23:59:59Z"}, {"timestamp": "1999-12-31T23:59:59Z"},
        {"timestamp": 10**400}, {"timestamp": -1}, {"timestamp": 2**63}, {"timestamp": False},
        {"user_id": None}, {"user_id": "a\x00b"}, {"user_id": "x" * 300}, {"item_id": ["i"]},
        {"event_type": "steal"}, {"event_type": {}}, {"colour": "red"}, {"event_id": 7},
    ]  # fmt: skip
    yield from (("/events", json.dumps({**event, **change})) for change in changes)
    texts = [
        "", "{", "[" * 100_000 + "]" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "9" * 5_000,
        r'{"user_id": "\ud800"}', '{"price": NaN}', '{"price": -Infinity}', "7", "null", '"a"',
        '{"n_items": true}', '{"n_items": 36893488147419103232}', '{"n_items": 1.5}', "[[]]",
        '{"user_id": 7}', '{"min_confidence": 1e999}', '{"items": {}}', '{"filters": [1]}',
    ]  # fmt: skip
    doors = ("/events", "/recommendations", "/bundle")
    yield from itertools.product(doors, texts)
    yield from ((door, b'{"user_id": "\xff\xfe"}') for door in doors)


def bad_input(folder):
    """NaN, half surrogates, numbers of any size, booleans for numbers, nesting, wrong types."""
    with serving(folder) as served, Load(served, callers=2) as load:
        heard = [(door, body, served.http.post(door, content=body, headers=JSON))
                 for door, body in _bad_bodies()]  # fmt: skip
        for kind in KINDS:
            headers = {"content-type": kind}
            heard.append(("", kind, served.http.post("/events", content=b"{}", headers=headers)))
        heard += [(path, "", served.http.get(path)) for path in PATHS]
    for door, body, answer in heard:
        said = f"{door} {str(body)[:60]}: {answer.status_code}"
        assert 200 <= answer.status_code < 500, said
        is_problem = answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code == 200 or is_problem, said
    n_problems = sum(answer.status_code >= 400 for _, _, answer in heard)
    assert len(heard) - n_problems <= 1, "more was taken than an export of nobody"
    return f"{n_problems} of {len(heard)} refused with a problem document; {load.hold()}"


def worker_killed(folder):
    """kill -9 of a worker under load."""
    with serving(folder) as served:
        with Load(served) as load:
            until(lambda: load.n("/events", 200) > 50, "some events")
            before, counted = served.workers(), _counted(served)
            os.kill(before[0], signal.SIGKILL)
            until(lambda: _workers_but(served, before[0]) == 2, "the second worker")
            after = until(lambda: _counted(served), "metrics")
        assert after >= counted, f"{counted} requests counted before, {after} after"
        told = load.hold(broken=4)  # each caller had one in work, at most
        total = until(lambda: _counted(served), "metrics")
        n_answered = sum(n for (_, status), n in load.statuses.items() if status)
        assert total >= n_answered - 4, f"{n_answered} requests answered, {total} counted"
        return f"it came back, counters went on from {counted} to {total}; {told}"


def _workers_but(served, killed):
    with suppress(OSError):
        return len([pid for pid in served.workers() if pid != killed])
    return 0


def _counted(served):
    """Return how many lists and events were counted; 0 where metrics cannot be had just now."""
    with suppress(httpx.TransportError):
        text = httpx.get(f"{served.url}/metrics", headers={"connection": "close"}).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "recomart_requests_total"
            and sample.labels["route"] in {"/events", "/recommendations"}
        )
    return 0


def stopped(folder):
    """SIGTERM under load."""
    with serving(folder) as served:
        with Load(served, callers=6) as load:
            until(lambda: load.n("/events", 200) > 50, "some events")
            served.process.send_signal(signal.SIGTERM)
            status = served.process.wait(30)
            until(lambda: load.n_not_connected, "the end")
        assert status in (0, -signal.SIGTERM), f"it ended with {status}"
        return load.hold()
