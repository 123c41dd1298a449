"""A client of the service: typed, patient, and safe to ask again.

with Client("http://127.0.0.1:8000") as shop:
    shop.send({"user_id": "ann", "item_id": "mug", "event_type": "click"})
    for line in shop.recommend(user_id="ann", n_items=5).items: ...
"""

from __future__ import annotations

import random
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import BaseModel

from recomart.errors import BusyError, NotFoundError, RequestError, UnavailableError
from recomart.serving.schemas import (
    EventOut,
    EventsOut,
    Explained,
    Exported,
    Forgotten,
    Health,
    Listed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

Model = TypeVar("Model", bound=BaseModel)
BATCH = 1_000
"""Events of one request."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 30.0
BUSY = (429, 503)


class Client:
    """Asks a service. Every question may be asked again, so it is, until `tries` are used up.

    Raises RequestError for what the service refuses, NotFoundError, BusyError where it stays busy,
    UnavailableError where it cannot be reached.
    """

    def __init__(self, url: str, key: str = "", *, timeout_s: float = 5.0, tries: int = 4) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
        self._tries = tries

    def recommend(self, user_id: str | None = None, n_items: int = 10, **more: Any) -> Listed:
        """Rank items for a user; `more` as in `POST /recommendations`: filters, session_id."""
        body = {"n_items": n_items, **more} | ({"user_id": user_id} if user_id else {})
        return self._ask(Listed, "POST", "/recommendations", json=body)

    def bundle(self, items: Iterable[str], n_items: int = 10) -> Listed:
        """Rank items that go with a cart."""
        body = {"items": list(items), "n_items": n_items}
        return self._ask(Listed, "POST", "/bundle", json=body)

    def similar(self, item_id: str, n_items: int = 10) -> Listed:
        """Rank items by their likeness to one."""
        path = f"/items/{_quoted(item_id)}/similar"
        return self._ask(Listed, "GET", path, params={"n_items": n_items})

    def popular(self, n_items: int = 10) -> Listed:
        """Return what is popular now."""
        return self._ask(Listed, "GET", "/popular", params={"n_items": n_items})

    def trending(self, n_items: int = 10) -> Listed:
        """Return what is trending."""
        return self._ask(Listed, "GET", "/trending", params={"n_items": n_items})

    def send(self, *events: Mapping[str, Any]) -> list[EventOut]:
        """Post events, in requests of at most 1,000; on return they are on the server's disk.

        An event without a moment occurs now; one without an id is given one before it is sent, so
        that sent again it is the same event.
        """
        told = [_identified(event) for event in events]
        found: list[EventOut] = []
        for start in range(0, len(told), BATCH):
            body = told[start : start + BATCH]
            found += self._ask(EventsOut, "POST", "/events", json=body).events
        return found

    def health(self) -> Health:
        """Tell how the service is."""
        return self._ask(Health, "GET", "/health")

    def metrics(self) -> str:
        """Return what the service counts and measures, in Prometheus' text format."""
        return self._send("GET", "/metrics").text

    def explain(self, recommendation_id: str) -> Explained:
        """Tell how a recent answer came about."""
        return self._ask(Explained, "GET", f"/explain/{_quoted(recommendation_id)}")

    def export(self, user_id: str) -> Exported:
        """Tell what the service knows of a user."""
        return self._ask(Exported, "GET", f"/users/{_quoted(user_id)}/export")

    def forget(self, user_id: str) -> Forgotten:
        """Forget a user, as far as the service reaches."""
        return self._ask(Forgotten, "DELETE", f"/users/{_quoted(user_id)}")

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, model: type[Model], method: str, path: str, **what: Any) -> Model:
        return model.model_validate_json(self._send(method, path, **what).content)

    def _send(self, method: str, path: str, **what: Any) -> httpx.Response:
        for k in range(self._tries):
            wait_s = FIRST_WAIT_S * 2**k
            try:
                answer = self._http.request(method, path, **what)
            except httpx.TransportError as error:
                wrong: Exception = _unreachable(self._http.base_url, error)
            else:
                if answer.is_success:
                    return answer
                wrong = _refused(answer)
                if not isinstance(wrong, BusyError):
                    raise wrong
                wait_s = wrong.retry_after_s
            if k < self._tries - 1:
                time.sleep(min(wait_s, LONGEST_WAIT_S) * random.uniform(1, 1.2))
        raise wrong


def _identified(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give an event a moment, and an id that grows with time."""
    now_us = time.time_ns() // 1_000
    told = {**event}
    if told.get("timestamp") is None and told.get("occurred_at") is None:
        told["timestamp"] = now_us
    if told.get("event_id") is None:
        told["event_id"] = f"{now_us:014x}{secrets.token_hex(9)}"
    return told


def _quoted(part: str) -> str:
    from urllib.parse import quote

    return quote(part, safe="")


def _unreachable(url: httpx.URL, error: httpx.TransportError) -> UnavailableError:
    return UnavailableError(
        f"The service at {url.host}:{url.port} cannot be reached: {type(error).__name__}.",
        remedy="See that `recomart serve` runs there.",
    )


def _refused(answer: httpx.Response) -> RequestError | NotFoundError | BusyError:
    """Turn a problem document back into an error."""
    try:
        told = answer.json()
        cause, remedy = str(told["detail"]), str(told["remedy"])
    except (ValueError, KeyError, TypeError):
        cause, remedy = (
            f"The answer was {answer.status_code}.",
            "See what stands before the server.",
        )
        told = {}
    if answer.status_code in BUSY:
        wait = answer.headers.get("retry-after", "")
        return BusyError(answer.status_code, cause, float(wait) if wait.isdigit() else FIRST_WAIT_S)
    if answer.status_code == 404:
        return NotFoundError(cause, remedy=remedy)
    faults = [(one["field"], one["cause"]) for one in told.get("faults", ())]
    return RequestError(answer.status_code, cause, remedy=remedy, faults=faults)
