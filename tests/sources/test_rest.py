import itertools
import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from recomart.errors import BadInputError, UnavailableError
from recomart.settings.sources import RestSource
from recomart.sources.catalogue_server import Fault, serve_catalogue
from recomart.sources.rest import fetch_catalogue, items_of

PRODUCTS = [{"id": n, "title": f"Mug {n}", "price": n + 0.5, "category": "mugs"} for n in range(7)]


def source(url, **changes):
    quick = {"backoff_s": 0.001, "timeout_s": 5, "deadline_s": 5, "max_attempts": 3}
    return RestSource(url=url, **{**quick, **changes})


class Heard:
    """Notes the attempts, and sleeps without taking time."""

    def __init__(self):
        self.attempts, self.slept = [], []

    def __call__(self, attempt, outcome, wait_s):
        self.attempts.append((attempt, outcome, wait_s))


def fetch(server, heard=None, **changes):
    heard = heard or Heard()
    return fetch_catalogue(
        source(server.url, **changes), sleep=heard.slept.append, on_attempt=heard
    )


def test_one_page_is_kept_byte_for_byte():
    odd = [{"id": 1, "title": "Mug « 漢 » 🎁", "price": 1e2}, {"id": "a,b", "price": None}]
    with serve_catalogue(odd) as server:
        fetched = fetch(server)

    assert fetched.body == json.dumps(odd, ensure_ascii=False).encode()
    assert (fetched.pages, fetched.rows, fetched.attempts) == (1, 2, 1)


@pytest.mark.parametrize("paging", ["offset", "page", "link"])
@pytest.mark.parametrize("page_size", [1, 3, 7, 100])
def test_every_way_of_paging_brings_every_row_once(paging, page_size):
    with serve_catalogue(PRODUCTS) as server:
        fetched = fetch(server, paging=paging, page_size=page_size)

    assert [row for body in fetched.bodies for row in items_of(body)] == PRODUCTS
    assert fetched.rows == 7
    assert fetched.pages == -(-7 // page_size)


def test_several_pages_stand_unchanged_in_one_json_list():
    with serve_catalogue(PRODUCTS) as server:
        fetched = fetch(server, paging="page", page_size=4)

    assert json.loads(fetched.body) == [PRODUCTS[:4], PRODUCTS[4:]]


def test_a_server_that_gives_less_than_asked_is_read_to_its_end():
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault("short"))) as server:
        fetched = fetch(server, paging="offset", page_size=3)

    assert (fetched.rows, fetched.pages) == (7, 7)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("too_many_requests", "HTTP 429"),
        ("server_error", "HTTP 500"),
        ("reset", "ReadError"),
        ("cut_off", "RemoteProtocolError"),
        ("half_json", "the JSON cannot be read"),
        ("not_json", "NaN is not JSON"),
    ],
)
def test_what_may_pass_is_tried_again(kind, outcome):
    heard = Heard()
    with serve_catalogue(PRODUCTS, [Fault(kind), Fault(kind)]) as server:
        fetched = fetch(server, heard)

    assert (fetched.rows, fetched.attempts) == (7, 3)
    assert [attempt for attempt, _, _ in heard.attempts] == [1, 2, 3]
    assert all(outcome in said for _, said, _ in heard.attempts[:2])
    assert heard.attempts[2] == (3, "7 rows", 0.0)
    assert heard.slept == [wait for _, _, wait in heard.attempts[:2]]


@pytest.mark.parametrize("kind", ["server_error", "reset", "cut_off"])
def test_what_does_not_pass_is_given_up_after_the_attempts(kind):
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault(kind))) as server:
        with pytest.raises(UnavailableError, match=r"attempt 3") as refused:
            fetch(server)

        assert len(server.requests) == 3
    assert "max_attempts" in refused.value.remedy


def test_half_a_json_that_stays_half_is_bad_input():
    with (
        serve_catalogue(PRODUCTS, itertools.repeat(Fault("half_json"))) as server,
        pytest.raises(BadInputError, match="cannot be read"),
    ):
        fetch(server)


def test_a_server_that_is_not_there_is_unavailable():
    with serve_catalogue(PRODUCTS) as gone:
        pass
    with pytest.raises(UnavailableError, match="ConnectError"):
        fetch(gone)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("html", "text/html"),
        ("wrong_type", "text/plain"),
        ("redirect", "redirects to https://elsewhere.example/products"),
        ("huge", "more than 1,000,000 bytes"),
    ],
)
def test_what_will_not_pass_is_refused_at_once(kind, said):
    heard = Heard()
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault(kind))) as server:
        with pytest.raises(BadInputError, match=said):
            fetch(server, heard, max_bytes=1_000_000)

        assert len(server.requests) == 1
    assert len(heard.attempts) == 1
    assert heard.slept == []


@pytest.mark.parametrize("paging", ["offset", "page"])
def test_a_server_that_loops_its_pages_is_found_out(paging):
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault("loops"))) as server:
        with pytest.raises(BadInputError, match="repeats itself") as refused:
            fetch(server, paging=paging, page_size=3)

        assert len(server.requests) == 2
    assert "paging" in refused.value.remedy


@pytest.mark.parametrize("kind", ["never_ends", "never_begins"])
def test_an_answer_that_never_ends_is_cut_at_the_deadline(kind):
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault(kind))) as server:
        begun = time.monotonic()
        with pytest.raises(UnavailableError, match=r"no whole answer within 0.3 s"):
            fetch(server, deadline_s=0.3)

    assert 0.25 < time.monotonic() - begun < 2


def test_a_slow_server_runs_into_the_timeout_and_is_asked_again():
    with serve_catalogue(PRODUCTS, [Fault("slow", seconds=3)]) as server:
        heard = Heard()
        fetched = fetch(server, heard, timeout_s=0.1)

    assert fetched.rows == 7
    assert "ReadTimeout" in heard.attempts[0][1]


def test_retry_after_is_kept_to_in_seconds():
    with serve_catalogue(PRODUCTS, [Fault("too_many_requests", 2)]) as server:
        heard = Heard()
        fetch(server, heard)

    assert heard.slept == [2.0]


def test_retry_after_is_kept_to_as_a_date():
    with serve_catalogue(PRODUCTS, [Fault("too_many_until", 3)]) as server:
        heard = Heard()
        fetch(server, heard)

    assert 1.5 < heard.slept[0] <= 3


@pytest.mark.parametrize("kind", ["too_many_requests", "too_many_until"])
def test_a_wait_beyond_the_deadline_is_not_begun(kind):
    with serve_catalogue(PRODUCTS, [Fault(kind, seconds=600)]) as server:
        heard = Heard()
        with pytest.raises(UnavailableError, match=r"asks to wait (599|600) s"):
            fetch(server, heard)

    assert heard.slept == []


def test_waits_grow_and_stay_under_their_ceiling():
    with serve_catalogue(PRODUCTS, [Fault("server_error")] * 9) as server:
        heard = Heard()
        fetch(server, heard, max_attempts=10, backoff_s=0.1, backoff_max_s=0.4, deadline_s=60)

    ceilings = [0.1, 0.2] + [0.4] * 7
    assert all(0 <= wait <= most for wait, most in zip(heard.slept, ceilings, strict=True))
    assert len(set(heard.slept)) == 9


def test_an_empty_catalogue_is_refused():
    with serve_catalogue([]) as server, pytest.raises(BadInputError, match="empty list"):
        fetch(server)


def test_more_pages_than_allowed_are_refused():
    with (
        serve_catalogue(PRODUCTS) as server,
        pytest.raises(BadInputError, match="more than 2 pages"),
    ):
        fetch(server, paging="page", page_size=1, max_pages=2)


def test_the_cap_of_bytes_counts_all_pages_together():
    with (
        serve_catalogue(PRODUCTS) as server,
        pytest.raises(BadInputError, match="more than 200 bytes"),
    ):
        fetch(server, paging="page", page_size=2, max_bytes=200)


def test_a_page_that_fails_later_takes_the_whole_fetch_with_it():
    def second_page_fails(path):
        return Fault("server_error") if "page=2" in path else None

    with (
        serve_catalogue(PRODUCTS, second_page_fails) as server,
        pytest.raises(UnavailableError, match="HTTP 500"),
    ):
        fetch(server, paging="page", page_size=3)


def test_no_message_holds_a_secret():
    heard = Heard()
    with serve_catalogue(PRODUCTS, itertools.repeat(Fault("server_error"))) as server:
        address = server.url.replace("http://", "http://ann:hunter2@") + "?token=hunter2"
        asked = source(address, headers={"x-key": "hunter2"})
        with pytest.raises(UnavailableError) as refused:
            fetch_catalogue(asked, sleep=heard.slept.append, on_attempt=heard)

    assert "hunter2" not in f"{refused.value} {heard.attempts}"


@pytest.mark.parametrize(
    "url", ["shop.example/products", "ftp://shop.example", "http://", "http://a:b"]
)
def test_an_address_that_is_none_is_bad_input(url):
    with pytest.raises(BadInputError, match=r"no http\(s\) address"):
        fetch_catalogue(source(url))


@pytest.mark.parametrize(
    ("body", "key", "said"),
    [
        (b'{"products": []}', None, "no list at the top"),
        (b"[]", "products", "no list at 'products'"),
        (b'{"message": "no"}', "products", "no list at 'products'"),
        (b'[{"id": 1}, {"title": "Mug"}]', None, "Element 1"),
        (b'[{"id": null}]', None, "Element 0"),
        (b'[{"id": true}]', None, "Element 0"),
        (b'[{"id": ""}]', None, "Element 0"),
        (b"[1]", None, "Element 0"),
    ],
)
def test_json_that_is_no_catalogue_is_bad_input(body, key, said):
    with pytest.raises(BadInputError, match=said):
        items_of(body, key)


@pytest.mark.parametrize("body", [b"", b"[", b'[{"id": 1}', b"\xff\xfe[", b"[" * 200_000])
def test_what_is_not_json_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011
        items_of(body)


def test_the_list_may_stand_under_a_key():
    assert items_of(b'{"products": [{"id": 1}]}', "products") == [{"id": 1}]


@contextmanager
def answering(status, headers, body=b'[{"id": 1}]'):
    """A server that always says the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    asked = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/products", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {"Link": '<http://elsewhere.example/p?token=t>; rel="next"'}, "at another server"),
        (200, {"Link": '<http://a:b>; rel="next"'}, "no address"),
        (302, {"Location": "http://a:b"}, None),
        (302, {}, "HTTP 302"),
        (401, {}, "HTTP 401"),
        (404, {}, "HTTP 404"),
        (204, {}, "HTTP 204"),
        (200, {"Content-Encoding": "gzip"}, None),
    ],
)
def test_odd_answers_end_in_a_typed_error(status, headers, said):
    kind = UnavailableError if said is None else BadInputError
    with answering(status, headers) as (url, _), pytest.raises(kind, match=said):
        fetch_catalogue(source(url, paging="link"), sleep=lambda _: None)


def test_media_types_that_end_in_json_are_json():
    with answering(200, {"Content-Type": "application/vnd.shop+json; charset=utf-8"}) as (url, _):
        assert fetch_catalogue(source(url)).rows == 1


def test_headers_of_the_source_are_sent():
    with answering(200, {}) as (url, asked):
        fetch_catalogue(source(url, headers={"x-key": "hunter2", "x-name": "Zoë"}))

    assert asked[0]["x-key"] == "hunter2"
    assert asked[0]["x-name"].encode("latin-1") == "Zoë".encode()


@pytest.mark.parametrize("headers", [{"x-key": "hunter2\nx: y"}, {"x kéy": "hunter2"}])
def test_a_header_that_cannot_be_sent_is_not_shown(headers):
    with answering(200, {}) as (url, asked):
        with pytest.raises(BadInputError, match="cannot be sent") as refused:
            fetch_catalogue(source(url, headers=headers))

        assert asked == []
    assert "hunter2" not in str(refused.value)
