import json

import httpx
import pytest

from recomart.sources.catalogue_server import Fault, serve_catalogue

MUG = {"id": 1, "title": "Mug", "price": 8.5, "category": "kitchen"}
PEN = {"id": 2, "title": "Pen", "price": 2.0, "category": "desk"}
INK = {"id": 3, "title": "Ink", "price": 4.0, "category": "desk"}


@pytest.fixture
def shop():
    with serve_catalogue([MUG, PEN, INK]) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", [MUG, PEN, INK]),
        ("?limit=2", [MUG, PEN]),
        ("?limit=2&offset=2", [INK]),
        ("?limit=1&page=2", [PEN]),
        ("?limit=9&page=2", []),
        ("?sort=desc", [INK, PEN, MUG]),
        ("/2", PEN),
        ("/categories", ["kitchen", "desk"]),
        ("/category/desk", [PEN, INK]),
        ("/category/desk?limit=1&page=2", [INK]),
        ("/category/garden", []),
    ],
)
def test_answers_as_the_fake_store_does(shop, path, expected):
    answer = httpx.get(shop.url + path)

    assert answer.json() == expected
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("path", ["/9", "/category", "/1/2"])
def test_what_is_not_there_is_404(shop, path):
    assert httpx.get(shop.url + path).status_code == 404


def test_links_lead_through_the_whole_list(shop):
    found, url = [], httpx.URL(shop.url).copy_merge_params({"limit": 2})
    while url:
        answer = httpx.get(url)
        found += answer.json()
        link = answer.links.get("next")
        url = url.join(link["url"]) if link else None

    assert found == [MUG, PEN, INK]


def test_keeps_a_log_of_what_was_asked(shop):
    httpx.get(shop.url + "/1")
    httpx.get(shop.url + "?limit=1")

    assert shop.requests == ["/products/1", "/products?limit=1"]


def test_faults_come_in_order_and_then_end():
    with serve_catalogue([MUG], [Fault("server_error"), None, Fault("too_many_requests", 7)]) as s:
        answers = [httpx.get(s.url) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [500, 200, 429, 200]
    assert answers[2].headers["retry-after"] == "7"


def test_a_fault_may_depend_on_what_is_asked():
    with serve_catalogue([MUG], lambda path: Fault("html") if "page=2" in path else None) as s:
        assert json.loads(httpx.get(s.url).text) == [MUG]
        assert httpx.get(s.url + "?limit=1&page=2").headers["content-type"] == "text/html"


def test_ends_even_while_an_answer_does_not():
    with (
        serve_catalogue([MUG], [Fault("never_ends")]) as s,
        httpx.stream("GET", s.url) as answer,
    ):
        assert next(answer.iter_bytes()).startswith(b"[")
