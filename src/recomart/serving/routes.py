"""The doors: each reads a request, asks the service, and writes what it says."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Path, Query, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.background import BackgroundTask
from starlette.responses import Response

from recomart.errors import BadEventError, NotFoundError, RecomartError, RequestError
from recomart.events import parse_event
from recomart.serving.problems import MOST_FAULTS, invalid, not_json
from recomart.serving.replies import (
    ORDERED,
    OUTSIDE,
    as_json,
    asked_of,
    exported,
    health,
    listed,
)
from recomart.serving.request_metrics import MEDIA_TYPE
from recomart.serving.schemas import BundleIn, RecommendIn

if TYPE_CHECKING:
    from recomart.events import Event
    from recomart.serving.service import Service

Body = TypeVar("Body", bound=BaseModel)
Number = Annotated[int, Query(ge=1, le=100, description="of the list")]
Told = Annotated[bool, Query(description="also title, category, price, availability")]
Id = Annotated[str, Path(min_length=1, max_length=256)]
_JSON = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


class Doors:
    """One method a door."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def recommendations(self, request: Request) -> Response:
        """Rank items for a user, a session or nobody."""
        body = await _read(request, RecommendIn)
        asked = asked_of(body)
        answer = await self.service.recommend(asked)
        response = as_json(listed(answer, with_metadata=body.include_metadata))
        if self.service.shadow.is_on and answer.assigned is None:  # else it is not the champion's
            response.background = BackgroundTask(self.service.shadow.offer, asked, answer)
        return response

    async def bundle(self, request: Request) -> Response:
        """Rank items that go with a cart; items that are not known are passed over."""
        body = await _read(request, BundleIn)
        engine = self.service.engine
        answer = await self.service.answer(
            lambda: engine.bundle(body.items, body.n_items), body.n_items
        )
        return as_json(listed(answer, with_metadata=body.include_metadata))

    async def similar(
        self, item_id: Id, n_items: Number = 10, include_metadata: Told = False  # noqa: FBT002 - a query
    ) -> Response:  # fmt: skip
        """Rank items by their likeness to one."""
        engine = self.service.engine
        if engine.served.champion.shop.index_of(item_id) < 0:
            raise NotFoundError(
                "The model that serves knows no such item.",
                remedy="A new item is known after the next run.",
            )
        answer = await self.service.answer(lambda: engine.similar(item_id, n_items), n_items)
        return as_json(listed(answer, with_metadata=include_metadata))

    async def popular(self, n_items: Number = 10, include_metadata: Told = False) -> Response:  # noqa: FBT002 - a query
        """Return what is popular now."""
        engine = self.service.engine
        answer = await self.service.answer(lambda: engine.popular(n_items), n_items)
        return as_json(listed(answer, with_metadata=include_metadata))

    async def trending(self, n_items: Number = 10, include_metadata: Told = False) -> Response:  # noqa: FBT002 - a query
        """Return what is trending; what is popular, and `degraded`, where no model tells."""
        engine = self.service.engine
        answer = await self.service.answer(lambda: engine.trending(n_items), n_items)
        return as_json(listed(answer, with_metadata=include_metadata))

    async def events(self, request: Request) -> Response:
        """Take an event, or a list of them: all or none. They are safe when this answers."""
        events = _parsed(await _read_any(request), self.service.settings.max_events)
        outcomes = await self.service.take(events)
        n_accepted = outcomes.count("accepted")
        told = [
            {"event_id": event.event_id, "outcome": outcome}
            for event, outcome in zip(events, outcomes, strict=True)
        ]
        return as_json(
            {"accepted": n_accepted, "duplicates": len(told) - n_accepted, "events": told}
        )

    async def explain(self, recommendation_id: Id) -> Response:
        """Tell how one of the latest answers came about, whichever worker gave it."""
        return as_json(await self.service.explain(recommendation_id))

    async def export(self, user_id: Id) -> Response:
        """Tell what this service knows of a user."""
        return as_json(await self.service.aside(lambda: exported(self.service, user_id)))

    async def forget(self, user_id: Id) -> Response:
        """Forget a user, in all workers, at once; order that the next run erases the rest."""
        order, known, n_events, n_answers = await self.service.aside(
            lambda: self.service.forget(user_id)
        )
        told = {
            "user_id": user_id,
            "erasure_id": order,
            "session": known,
            "events": n_events,
            "answers": n_answers,
            "ordered": ORDERED,
            "not_covered": OUTSIDE,
        }
        return as_json(told)

    async def health(self) -> Response:
        """Tell how the service is: the model, its freshness, what is out of order."""
        troubles = self.service.troubles()
        try:
            features = await self.service.aside(self.service.online.freshness)
        except RecomartError as error:
            features = []
            troubles.append(error.cause)
        return as_json(health(self.service, features, troubles))

    async def live(self) -> Response:
        """Tell that the process answers."""
        return as_json({"status": "ok"})

    async def metrics(self) -> Response:
        """Return metrics of all workers, for Prometheus."""
        body = await self.service.aside(self.service.metrics.exposition)
        return Response(body, headers={"content-type": MEDIA_TYPE})


async def _read(request: Request, model: type[Body]) -> Body:
    """Read a body as a model. Raises RequestError."""
    given = await _read_any(request)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from error


async def _read_any(request: Request) -> object:
    """Read a body as whatever JSON it is: NaN, lone surrogates and deep nesting are none."""
    _hold_to_json(request)
    try:
        return from_json(await request.body(), allow_inf_nan=False)
    except ValueError as error:
        raise not_json(str(error)) from error


def _hold_to_json(request: Request) -> None:
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise RequestError(
            415,
            "The body is not said to be JSON.",
            remedy="Send `Content-Type: application/json`.",
            headers={"accept": "application/json"},
        )
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(
            415,
            "The body is compressed, which is not taken.",
            remedy="Send it as it is.",
            headers={"accept-encoding": "identity"},
        )


def _parsed(given: object, most: int) -> list[Event]:
    """Read events; one of a list that is bad refuses the list. Raises BadEventError."""
    now_us = time.time_ns() // 1_000
    if not isinstance(given, list):
        return [parse_event(given, now_us)]
    if not 1 <= len(given) <= most:
        raise RequestError(
            422,
            f"A list holds 1 to {most:,} events, not {len(given):,}.",
            remedy="Send them in several requests.",
        )
    return _parsed_list(given, now_us)


def _parsed_list(given: list[object], now_us: int) -> list[Event]:
    events: list[Event] = []
    faults: list[tuple[str, str]] = []
    for place, one in enumerate(given):
        try:
            events.append(parse_event(one, now_us))
        except BadEventError as error:  # noqa: PERF203 - each event's faults are told
            faults += [(f"{place}.{field}", cause) for field, cause in error.faults]
            if len(faults) >= MOST_FAULTS:
                break
    if faults:
        raise BadEventError(faults[:MOST_FAULTS])
    return events
