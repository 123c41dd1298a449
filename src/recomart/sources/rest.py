"""REST catalogue: the list of products behind an HTTP address, in the Fake Store shape.

Nothing is handed back before it is checked whole: the content type is JSON, the
text parses, it is a list of objects with an id, it is not empty and no page comes
round again. The bytes that passed are kept exactly as they were received.

Waits are exponential with full jitter: Brooker, "Exponential Backoff And Jitter",
AWS Architecture Blog, 2015. `Retry-After` (RFC 9110, 10.2.3) comes before it.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from recomart.errors import BadInputError
from recomart.sources.rest_request import Cut, PassingError, check_head, client_for, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.settings.sources import RestSource

OnAttempt: TypeAlias = "Callable[[int, str, float], None]"
"""Told of every attempt: its number for this page, what came of it, seconds to wait before the
next one (0 if none)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A catalogue as it was received.

    bodies    the answers, one a page, byte for byte
    rows      objects in all of them
    attempts  requests that were sent, failed ones included
    """

    bodies: tuple[bytes, ...]
    rows: int
    attempts: int

    @property
    def pages(self) -> int:
        """Number of answers that held rows."""
        return len(self.bodies)

    @property
    def body(self) -> bytes:
        """The one answer as received; of several, a JSON list of them, each unchanged."""
        return self.bodies[0] if self.pages == 1 else b"[" + b",".join(self.bodies) + b"]"


def fetch_catalogue(
    source: RestSource,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    on_attempt: OnAttempt = lambda *_: None,
) -> Fetched:
    """Fetch every page of the catalogue, or nothing.

    Raises UnavailableError where the server did not answer within the attempts
    and the deadline, BadInputError where it answered with something else than a
    catalogue. Neither message holds the query or a header of the request.
    """
    url: httpx.URL | None = _first(source)
    bodies: list[bytes] = []
    seen: set[str] = set()
    rows = 0
    with client_for(source) as client:
        fetch = _Fetch(source, client, clock, sleep, on_attempt)
        while url is not None:
            page = fetch.page(url)
            if not page.items:
                break
            _check_new(page, seen, len(bodies), source)
            bodies.append(page.body)
            rows += len(page.items)
            seen |= page.ids
            url = _next(source, page, len(bodies), rows)
    if not bodies:
        raise BadInputError(
            f"{shown(_first(source))} answers with an empty list.",
            remedy="Check the address and the page settings; the last catalogue stays in use.",
        )
    return Fetched(tuple(bodies), rows, fetch.attempts)


def items_of(body: bytes, items_key: str | None = None) -> list[dict[str, Any]]:
    """Read one page: a JSON list of objects with an id, or an object that holds it at `items_key`.

    Raises BadInputError where it is JSON but not that, ValueError where it is not JSON.
    """
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    where = f"at {items_key!r}" if items_key else "at the top"
    if items_key is not None:
        found = found.get(items_key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise BadInputError(
            f"The catalogue has no list {where}.",
            remedy="Set `items_key` to the key under which the products stand, or to null.",
        )
    bad = next((n for n, item in enumerate(found) if not _has_id(item)), None)
    if bad is not None:
        raise BadInputError(
            f"Element {bad} of the catalogue is not an object with an `id`.",
            remedy="Check that the address is the list of products.",
        )
    return found


# --- one page -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """An answer that passed."""

    url: httpx.URL
    body: bytes
    items: list[dict[str, Any]]
    next_link: str | None

    @property
    def ids(self) -> set[str]:
        return {str(item["id"]) for item in self.items}


@dataclass(slots=True)
class _Fetch:
    """The attempts of one fetch, under one deadline and one cap of bytes."""

    source: RestSource
    client: httpx.Client
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    on_attempt: OnAttempt
    attempts: int = 0
    n_bytes: int = 0
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.clock() + self.source.deadline_s

    def page(self, url: httpx.URL) -> _Page:
        """Fetch one page, in as many attempts as it takes and the settings allow."""
        for attempt in count(1):
            self.attempts += 1
            try:
                page = self._attempt(url)
            except PassingError as trouble:
                wait = self._wait(attempt, trouble.retry_after)
                self.on_attempt(attempt, trouble.outcome, wait or 0.0)
                if wait is None:
                    waiting = attempt < self.source.max_attempts
                    raise trouble.last(shown(url), attempt, waiting=waiting) from None
                self.sleep(wait)
            except BadInputError as refusal:
                self.on_attempt(attempt, refusal.cause, 0.0)
                raise
            else:
                self.on_attempt(attempt, f"{len(page.items)} rows", 0.0)
                self.n_bytes += len(page.body)
                return page
        raise AssertionError  # count() does not end

    def _wait(self, attempt: int, retry_after: float | None) -> float | None:
        """Seconds before the next attempt; None where there is none."""
        if attempt >= self.source.max_attempts:
            return None
        ceiling = min(self.source.backoff_max_s, self.source.backoff_s * 2.0 ** (attempt - 1))
        wait = random.uniform(0.0, ceiling) if retry_after is None else retry_after
        return wait if self.clock() + wait < self.deadline else None

    def _attempt(self, url: httpx.URL) -> _Page:
        response, body = self._get(url)
        try:
            items = items_of(body, self.source.items_key)
        except ValueError as error:
            raise PassingError(f"the JSON cannot be read: {error}", answered=True) from None
        return _Page(url, body, items, response.links.get("next", {}).get("url"))

    def _get(self, url: httpx.URL) -> tuple[httpx.Response, bytes]:
        left = self.deadline - self.clock()
        late = PassingError(f"no whole answer within {self.source.deadline_s:g} s")
        if left <= 0:
            raise late
        with Cut(left).armed() as cut:
            try:
                response, body = self._stream(url, min(left, self.source.timeout_s), cut)
            except httpx.LocalProtocolError:  # its text holds the header
                raise BadInputError(
                    f"{shown(url)} was not asked: a header of the source cannot be sent.",
                    remedy="Take line breaks and odd characters out of `headers`.",
                ) from None
            except httpx.RequestError as error:
                said = f"{type(error).__name__}: {error}".rstrip(": ")
                raise (late if cut.fired else PassingError(said)) from None
        if cut.fired:  # where no length is announced, a cut answer looks like a whole one
            raise late
        return response, body

    def _stream(self, url: httpx.URL, timeout: float, cut: Cut) -> tuple[httpx.Response, bytes]:
        watch = {"trace": cut.watch}
        with self.client.stream("GET", url, timeout=timeout, extensions=watch) as response:
            check_head(response)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if self.n_bytes + len(body) > self.source.max_bytes:
                    raise BadInputError(
                        f"{shown(url)} answers with more than {self.source.max_bytes:,} bytes.",
                        remedy="Raise `max_bytes` of the source if the catalogue is that large.",
                    )
        return response, bytes(body)


# --- checks ---------------------------------------------------------------------------------


def _check_new(page: _Page, seen: set[str], n_pages: int, source: RestSource) -> None:
    """Refuse a page that only repeats, and a list that does not end."""
    if page.ids <= seen:
        raise BadInputError(
            f"{shown(page.url)} repeats itself: page {n_pages + 1} holds nothing new.",
            remedy="Set `paging` to the way in which this server pages; `none` if it does not.",
        )
    if n_pages == source.max_pages:
        raise BadInputError(
            f"{shown(page.url)} has more than {source.max_pages:,} pages.",
            remedy="Raise `page_size` or `max_pages` of the source.",
        )


def _has_id(item: object) -> bool:
    identity = item.get("id") if isinstance(item, dict) else None
    return type(identity) in {int, str} and identity != ""


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


# --- addresses ------------------------------------------------------------------------------


def _first(source: RestSource) -> httpx.URL:
    """Address of the first page."""
    try:
        url = httpx.URL(source.url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise BadInputError(
            "The address of the catalogue is no http(s) address.",
            remedy="Set `url` of the source, such as https://shop.example/products.",
        )
    asked = {"offset": {"offset": 0}, "page": {"page": 1}, "link": {}}.get(source.paging)
    return url if asked is None else url.copy_merge_params({"limit": source.page_size, **asked})


def _next(source: RestSource, page: _Page, n_pages: int, rows: int) -> httpx.URL | None:
    """Address of the next page; None after the last. Offsets and pages end with an empty one.

    A page shorter than asked for is not the end: a server may give fewer at a time than we ask.
    """
    if source.paging == "offset":
        return page.url.copy_set_param("offset", rows)
    if source.paging == "page":
        return page.url.copy_set_param("page", n_pages + 1)
    if source.paging == "none" or page.next_link is None:
        return None
    try:
        link = page.url.join(page.next_link)
    except httpx.InvalidURL:
        raise BadInputError(
            f"{shown(page.url)} links to a next page that has no address.",
            remedy="The answer is broken at its source: ask who runs the server.",
        ) from None
    if (link.scheme, link.netloc) != (page.url.scheme, page.url.netloc):
        raise BadInputError(
            f"{shown(page.url)} links to its next page at another server, {shown(link)}.",
            remedy="It is not followed: headers could leak. Set `url` to that server instead.",
        )
    return link
