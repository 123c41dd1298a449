"""Metrics tell what happened; the description tells what may."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from threading import Timer

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from recomart.errors import UnavailableError
from recomart.serving.access import JsonLines
from recomart.serving.listening import listen
from recomart.serving.request_metrics import FOLDER, Metrics
from tests.servers import free_port
from tests.serving.door.conftest import opened, problem
from tests.serving.door.workers import workers_of


def metrics(http, **headers):
    """Every sample: (name, labels as text) → value."""
    text = http.get("/metrics", headers=headers).text
    return {
        (s.name, ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_what_happened_is_counted(trained, tmp_path):
    with opened(trained, events=str(tmp_path / "events.sqlite")) as door:
        door.http.post("/recommendations", json={"user_id": "u01"})
        door.http.get("/nothing")
        event = door.event()
        for body in (event, event, {}):
            door.http.post("/events", json=body)
        door.until(lambda: ("recomart_freshness_seconds", "") in metrics(door.http))
        found = metrics(door.http)

    route = "method=POST,route=/recommendations,status=200"
    assert found["recomart_requests_total", route] == 1
    assert found["recomart_requests_total", "method=GET,route=other,status=404"] == 1
    assert found["recomart_request_seconds_count", "route=/recommendations"] == 1
    assert found["recomart_stage_seconds_count", "stage=engine"] == 1
    assert sum(v for (name, _), v in found.items() if name == "recomart_lines_total") == 10
    assert found["recomart_events_total", "outcome=accepted"] == 1
    assert found["recomart_events_total", "outcome=duplicate"] == 1
    assert found["recomart_confidence_count", ""] == 1
    assert found["recomart_freshness_seconds", ""] >= 0


def test_the_log_has_a_line_of_each_request_and_nothing_secret(door):
    told = io.StringIO()
    logger = logging.getLogger("recomart.serving")
    handler = JsonLines(told)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        headers = {"authorization": "Bearer rmk_secret", "x-request-id": "r-1"}
        door.http.get("/users/private-person/export?token=hidden", headers=headers)
        line = door.until(lambda: [x for x in told.getvalue().splitlines() if "r-1" in x])[0]
    finally:
        logger.removeHandler(handler)

    found = json.loads(line)
    assert found["event"] == "request_answered"
    assert (found["route"], found["status"]) == ("/users/{user_id}/export", 200)
    assert not any(word in told.getvalue() for word in ("secret", "private-person", "hidden"))


def test_the_description_is_valid_and_complete(door):
    validate = pytest.importorskip("openapi_spec_validator").validate
    document = door.http.get("/openapi.json").json()

    validate(document)
    assert len(document["paths"]) == 13
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "500" in operation["responses"]
            for status, told in operation["responses"].items():
                assert status == "200" or "application/problem+json" in told["content"]


def test_the_examples_of_the_description_are_answered(door):
    document = door.http.get("/openapi.json").json()
    doors = {"RecommendIn": "/recommendations", "BundleIn": "/bundle", "EventIn": "/events"}

    for name, path in doors.items():
        for example in document["components"]["schemas"][name]["examples"]:
            assert door.http.post(path, json=example).status_code == 200


MAIN = "from recomart.cli import main; main()"
LOADED = """
import json, sys
import recomart.serving.app, recomart.serving.service, recomart.serving.running, uvicorn
heavy = "torch pyspark prefect airflow mlflow streamlit pandas ibis catboost duckdb matplotlib"
heavy += " opentelemetry.sdk requests"  # its API comes with FastAPI
print(json.dumps([name for name in heavy.split() if name in sys.modules]))
"""


def test_the_service_starts_light():
    # CatBoost, and pandas which it brings, come only where a ranker serves
    found = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)

    assert json.loads(found.stdout) == []


@pytest.fixture
def command(shop, tmp_path):
    """`recomart serve` as a process, asked for over HTTP."""
    started, opened_clients = [], ExitStack()

    def serve(*options):
        port = free_port()
        words = [sys.executable, "-c", MAIN, "-s", str(shop), "serve", "--port", str(port)]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen([*words, *options], stderr=log, start_new_session=True)
        started.append(process)
        http = opened_clients.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        )
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            with suppress(httpx.TransportError):
                if http.get("/health/ready").status_code == 200:
                    return http, process, tmp_path / "log"
            time.sleep(0.05)
        pytest.fail((tmp_path / "log").read_text())

    with opened_clients:
        yield serve
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_several_workers_count_together_also_after_one_is_killed(command):
    http, process, _ = command("--workers", "2")
    url = str(http.base_url)
    for _ in range(40):  # each over a connection of its own, so that both workers are met
        httpx.get(f"{url}/popular", headers={"connection": "close"})
    servers = workers_of(process.pid)
    event = {"user_id": "ann", "item_id": "1", "event_type": "view", "timestamp": time.time()}
    assert http.post("/events", json=event).json()["accepted"] == 1
    time.sleep(0.05)
    reasons = {first_reason(url, "ann") for _ in range(12)}

    os.kill(servers[0], signal.SIGKILL)
    found = {}
    end = time.monotonic() + 30
    while time.monotonic() < end and not found:
        with suppress(httpx.TransportError):
            found = metrics(http)

    assert len(servers) == 2
    assert len(reasons) == 1
    assert reasons.pop().startswith("because you viewed")
    assert found["recomart_requests_total", "method=GET,route=/popular,status=200"] == 40


def test_the_file_of_a_worker_that_is_just_being_born_is_read_again(tmp_path, monkeypatch):
    born = tmp_path / "counter_999999.db"
    born.touch()  # as it is for a moment, before its first number
    monkeypatch.setenv(FOLDER, str(tmp_path))
    metrics = Metrics()
    grows = Timer(0.03, lambda: born.write_bytes(bytes(1 << 10)))
    grows.start()

    assert metrics.exposition() == b""
    grows.join()


def first_reason(url, user_id):
    body, alone = {"user_id": user_id}, {"connection": "close"}
    answer = httpx.post(f"{url}/recommendations", json=body, headers=alone)
    return answer.json()["items"][0]["reason"]


def test_told_to_stop_it_ends_in_order_and_logs_json(command):
    http, process, log = command()
    problem(http.get("/nothing"), 404)

    process.terminate()

    assert process.wait(15) in (0, -signal.SIGTERM)
    lines = log.read_text(encoding="utf-8").splitlines()
    told = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert [line for line in lines if not line.startswith("{")] == [f"Listening on {http.base_url}"]
    assert {*told} >= {"model_loaded", "request_answered"}


def test_small_answers_are_sent_at_once(door):
    door.http.get("/health/live")
    began = time.perf_counter()
    for _ in range(20):
        door.http.get("/health/live")

    assert (time.perf_counter() - began) / 20 < 0.035  # Nagle's algorithm would cost 0.04 each


def test_a_port_that_is_taken_is_said_to_be(door):
    with pytest.raises(UnavailableError, match="cannot be listened on"):
        listen("127.0.0.1", int(door.url.rpartition(":")[2]))
