"""A small catalogue server: the Fake Store endpoints over real HTTP on loopback.

For the demo, which needs no network, and for tests, which switch faults on.

    GET /products               ?limit= with &offset= or &page=, ?sort=asc|desc
    GET /products/categories
    GET /products/category/X    as /products
    GET /products/ID

A page that has a next one says so in its `Link` header (RFC 8288).
"""

from __future__ import annotations

import json
import socket
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Kind: TypeAlias = Literal[
    "too_many_requests",  # 429, Retry-After in `seconds`
    "too_many_until",  # 429, Retry-After as a date `seconds` away
    "server_error",  # 500
    "html",  # an error page that says 200
    "wrong_type",  # the catalogue, said to be text
    "half_json",  # the first half, said to be all
    "cut_off",  # the first half of what is announced
    "reset",  # the connection is reset
    "never_ends",  # a byte now and then, for ever
    "never_begins",  # the same, in the headers
    "slow",  # the catalogue, after `seconds`
    "loops",  # the first page, whatever is asked for
    "short",  # pages of one row, whatever `limit` says
    "huge",  # a list of 64 MiB
    "redirect",  # 302 to elsewhere
    "not_json",  # NaN, which Python reads and JSON has not
]
Product: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request."""

    kind: Kind
    seconds: float = 1.0


Faults: TypeAlias = "Iterable[Fault | None] | Callable[[str], Fault | None]"
"""One a request in order, then none; or decided by the path and query of each."""


@dataclass(frozen=True, slots=True)
class CatalogueServer:
    """A running server.

    url       of the list of products
    requests  path and query of each request so far, in order
    """

    url: str
    requests: list[str]


@contextmanager
def serve_catalogue(products: Sequence[Product], faults: Faults = ()) -> Iterator[CatalogueServer]:
    """Serve `products` on a free port of 127.0.0.1 until the block ends."""
    shop = _Shop(list(products), faults if callable(faults) else _queue(faults))
    server = _Server(("127.0.0.1", 0), _Handler)
    server.shop = shop
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield CatalogueServer(f"http://127.0.0.1:{server.server_port}/products", shop.requests)
    finally:
        shop.closed.set()  # ends the answers that never end
        server.shutdown()
        server.server_close()
        thread.join()


def _queue(faults: Iterable[Fault | None]) -> Callable[[str], Fault | None]:
    waiting = iter(faults)
    return lambda _: next(waiting, None)


@dataclass(slots=True)
class _Shop:
    """What the handlers share."""

    products: list[Product]
    fault_of: Callable[[str], Fault | None]
    requests: list[str] = field(default_factory=list)
    closed: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)


class _Server(ThreadingHTTPServer):
    """Waits for its handlers when it closes, so that nothing outlives the block."""

    daemon_threads = False
    shop: _Shop


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, wrongly if told so."""

    server: _Server
    server_version = "catalogue"

    def do_GET(self) -> None:
        """Answer; a client that has gone is no trouble."""
        shop = self.server.shop
        with shop.lock:
            shop.requests.append(self.path)
            fault = shop.fault_of(self.path)
        with suppress(ConnectionError):
            if fault is None:
                self._answer(*self._found(self.path))
            else:
                _FAULTS[fault.kind](self, fault.seconds)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Stay silent: `CatalogueServer.requests` is the log."""

    def _found(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the right answer."""
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        asked = {key: values[-1] for key, values in parse_qs(urlsplit(path).query).items()}
        answer, headers = _route(self.server.shop.products, parts, asked)
        found = answer is not None
        body = json.dumps(answer if found else {"message": "not found"}, ensure_ascii=False)
        return 200 if found else 404, body.encode(), headers

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], announced: int | None = None
    ) -> None:
        self.send_response(status)
        sent = {"Content-Type": "application/json; charset=utf-8", **headers}
        sent["Content-Length"] = str(len(body) if announced is None else announced)
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    # --- faults, one for each Kind ---

    def too_many_requests(self, seconds: float) -> None:
        """Ask to wait some seconds."""
        self._answer(429, b"{}", {"Retry-After": f"{seconds:.0f}"})

    def too_many_until(self, seconds: float) -> None:
        """Ask to wait until a moment."""
        self._answer(429, b"{}", {"Retry-After": formatdate(time() + seconds, usegmt=True)})

    def server_error(self, _: float) -> None:
        """Fail."""
        self._answer(500, b'{"message": "internal error"}', {})

    def html(self, _: float) -> None:
        """Show a page for people."""
        self._answer(200, b"<html><h1>Back soon</h1></html>", {"Content-Type": "text/html"})

    def wrong_type(self, _: float) -> None:
        """Call JSON text."""
        status, body, headers = self._found(self.path)
        self._answer(status, body, {**headers, "Content-Type": "text/plain"})

    def half_json(self, _: float) -> None:
        """Send half and call it all."""
        status, body, headers = self._found(self.path)
        self._answer(status, body[: len(body) // 2], headers)

    def cut_off(self, _: float) -> None:
        """Send half of what is announced."""
        status, body, headers = self._found(self.path)
        self._answer(status, body[: len(body) // 2], headers, announced=len(body))

    def reset(self, _: float) -> None:
        """Reset the connection."""
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()

    def never_ends(self, _: float) -> None:
        """Send a body without an end."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"[")
        self._drip()

    def never_begins(self, _: float) -> None:
        """Send headers without an end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip()

    def _drip(self) -> None:
        while not self.server.shop.closed.wait(0.02):
            self.wfile.write(b" ")

    def slow(self, seconds: float) -> None:
        """Answer late."""
        self.server.shop.closed.wait(seconds)
        self._answer(*self._found(self.path))

    def loops(self, _: float) -> None:
        """Answer with the first page."""
        size = parse_qs(urlsplit(self.path).query).get("limit", ["10"])[0]
        self._answer(*self._found(f"/products?limit={size}&page=1"))

    def short(self, _: float) -> None:
        """Give one row a page."""
        self._answer(*self._found(f"{self.path}&limit=1"))

    def huge(self, _: float) -> None:
        """Send 64 MiB of white space."""
        mebibyte = b" " * (1 << 20)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        for _mib in range(64):
            self.wfile.write(mebibyte)

    def redirect(self, _: float) -> None:
        """Point elsewhere."""
        self._answer(302, b"", {"Location": "https://elsewhere.example/products?token=t"})

    def not_json(self, _: float) -> None:
        """Send NaN."""
        self._answer(200, b'[{"id": 1, "price": NaN}]', {})


_FAULTS: dict[Kind, Callable[[_Handler, float], None]] = {
    "too_many_requests": _Handler.too_many_requests,
    "too_many_until": _Handler.too_many_until,
    "server_error": _Handler.server_error,
    "html": _Handler.html,
    "wrong_type": _Handler.wrong_type,
    "half_json": _Handler.half_json,
    "cut_off": _Handler.cut_off,
    "reset": _Handler.reset,
    "never_ends": _Handler.never_ends,
    "never_begins": _Handler.never_begins,
    "slow": _Handler.slow,
    "loops": _Handler.loops,
    "short": _Handler.short,
    "huge": _Handler.huge,
    "redirect": _Handler.redirect,
    "not_json": _Handler.not_json,
}


def _route(
    products: list[Product], parts: list[str], asked: dict[str, str]
) -> tuple[Any, dict[str, str]]:
    """What stands at a path, and headers that go with it; None for nothing."""
    if parts == ["products"]:
        return _paged(products, parts, asked)
    if parts == ["products", "categories"]:
        return list(dict.fromkeys(product["category"] for product in products)), {}
    if parts[:2] == ["products", "category"] and len(parts) == 3:
        own = [product for product in products if [product["category"]] == parts[2:]]
        return _paged(own, parts, asked)
    if parts[:1] == ["products"]:
        return next((p for p in products if [str(p["id"])] == parts[1:]), None), {}
    return None, {}


def _paged(
    products: list[Product], parts: list[str], asked: dict[str, str]
) -> tuple[list[Product], dict[str, str]]:
    """The part of a list that is asked for, and the link to the next."""
    products = products[:: -1 if asked.get("sort") == "desc" else 1]
    size = int(asked.get("limit", len(products)))
    number = int(asked.get("page", 1))
    start = int(asked.get("offset", (number - 1) * size))
    if start + size >= len(products):
        return products[start:], {}
    place = {"offset": start + size} if "offset" in asked else {"page": number + 1}
    link = f"/{'/'.join(parts)}?{urlencode({**asked, **place})}"
    return products[start : start + size], {"Link": f'<{link}>; rel="next"'}
