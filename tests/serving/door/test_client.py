"""The client asks until it is answered, and never twice for the same thing."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from recomart.client import Client
from recomart.errors import BusyError, NotFoundError, RequestError, UnavailableError
from tests.servers import free_port


@pytest.fixture
def client(door):
    with Client(door.url) as asking:
        yield asking


def test_it_asks_for_lists(client):
    found = client.recommend("u01", 3, filters={"max_price": 1e9}, include_metadata=True)
    items = [line.item_id for line in found.items]

    assert len(items) == 3
    assert found.items[0].metadata.title
    assert len(client.similar(items[0], 2).items) == len(client.bundle(items, 2).items) == 2
    assert len(client.popular(4).items) == len(client.trending(4).items) == 4
    assert client.explain(found.recommendation_id).items == found.items
    assert client.health().status == "ok"


def test_events_are_sent_in_batches_and_each_once(client):
    some = {"user_id": "of the client", "item_id": "1", "event_type": "view"}
    told = client.send(*[some] * 1_001)

    assert {one.outcome for one in told} == {"accepted"}
    assert len({one.event_id for one in told}) == 1_001
    assert client.send({**some, "event_id": told[0].event_id})[0].outcome == "duplicate"
    assert len(client.export("of the client").event_log) == 1_001
    assert client.forget("of the client").events == 1_001


def test_what_is_refused_is_told_as_here(client):
    with pytest.raises(RequestError, match="n_items") as caught:
        client.recommend("u01", 1_000)
    assert caught.value.faults[0][0] == "n_items"
    with pytest.raises(NotFoundError):
        client.similar("a/b ?#")


def test_a_server_that_is_not_there_is_said_to_be_out_of_reach():
    nowhere = f"http://127.0.0.1:{free_port()}"

    with (
        Client(nowhere, tries=2) as asking,
        pytest.raises(UnavailableError, match="cannot be reached"),
    ):
        asking.popular()


class Busy(BaseHTTPRequestHandler):
    """Busy as often as it is told to be; then it answers."""

    def do_GET(self):
        self.server.asked += 1
        is_busy = self.server.asked <= self.server.n_busy
        body = b"{}" if is_busy else b'{"status": "ok"}'
        self.send_response(503 if is_busy else 418)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("n_busy", "asked", "kind"), [(2, 3, RequestError), (9, 4, BusyError)])
def test_it_comes_again_when_it_is_told_to(n_busy, asked, kind):
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        server.asked, server.n_busy = 0, n_busy
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with Client(url) as asking, pytest.raises(kind):
                asking.popular()
        finally:
            server.shutdown()
            thread.join()

        assert server.asked == asked
