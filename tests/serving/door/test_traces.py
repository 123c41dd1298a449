"""Traces go to a collector by OTLP/HTTP; where there is none, nobody waits."""

import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from recomart.errors import SettingsError
from recomart.settings import load_settings
from tests.servers import free_port
from tests.serving.door.conftest import opened

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INSIDE = ("retrieve", "features", "rank", "rules", "reasons")
ABOUT = {
    "http.request.method": "POST",
    "http.route": "/recommendations",
    "http.response.status_code": 200,
    "recomart.request_id": "r-1",
}


@contextmanager
def collector():
    """A receiver of OTLP/HTTP; gives the endpoint, and the messages that came."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    came = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", came
        finally:
            server.shutdown()
            thread.join()


def traced(folder, tmp_path, endpoint):
    return opened(folder, otlp=endpoint, events=str(tmp_path / "events.sqlite"))


def spans_in(came):
    return [
        span
        for _, message in came
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_and_its_stages_belong_to_the_callers_trace(ranked, tmp_path):
    with collector() as (endpoint, came):
        with traced(ranked, tmp_path, endpoint) as door:
            headers = {"traceparent": PARENT, "x-request-id": "r-1"}
            door.http.post("/recommendations", json={"user_id": "u01"}, headers=headers)
            door.http.post("/events", json=door.event(user_id="u01"), headers=headers)
            door.http.get("/users/u01/export")
        spans = {span.name: span for span in spans_in(came)}  # closing sent them

    asked, engine, inside = spans["POST /recommendations"], spans["engine"], INSIDE
    trace_id, span_id = (bytes.fromhex(part) for part in PARENT.split("-")[1:3])
    of_caller = {name for name, span in spans.items() if span.trace_id == trace_id}
    assert of_caller == {"POST /recommendations", "POST /events", "engine", "event_log", *inside}
    assert asked.parent_span_id == span_id
    assert engine.parent_span_id == asked.span_id
    assert {spans[name].parent_span_id for name in inside} == {engine.span_id}
    assert attributes(asked) == ABOUT
    assert "GET /users/{user_id}/export" in spans
    assert "u01" not in str(came)


def test_a_caller_who_does_not_record_is_not_recorded(trained, tmp_path):
    with collector() as (endpoint, came):
        with traced(trained, tmp_path, endpoint) as door:
            door.http.get("/popular", headers={"traceparent": f"{PARENT[:-2]}00"})
            door.http.get("/trending", headers={"traceparent": "no such thing"})
        names = [span.name for span in spans_in(came)]

    assert "GET /trending" in names
    assert "GET /popular" not in names


def test_a_collector_that_is_down_slows_nobody(trained, tmp_path):
    with traced(trained, tmp_path, f"http://127.0.0.1:{free_port()}/v1/traces") as door:
        statuses = [door.http.get("/health/live").status_code for _ in range(50)]
        began = time.monotonic()

    assert statuses == [200] * 50
    assert time.monotonic() - began < 60  # the end waits for it no longer than CLOSE_S


def test_an_endpoint_is_a_url():
    with pytest.raises(SettingsError, match="otlp"):
        load_settings(environment={}, flags={("serving", "otlp"): "localhost:4318"})
