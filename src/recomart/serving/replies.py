"""From what the engine answers to what a door gives: plain records, written as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.responses import Response

from recomart.serving.words import Asked, Filters
from recomart.vocabulary import EVENT_TYPES, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from recomart.events import Event
    from recomart.ranking import Recommendation
    from recomart.ranking.shop import Shop
    from recomart.serving.journal import Kept
    from recomart.serving.schemas import FiltersIn, RecommendIn
    from recomart.serving.served import Served
    from recomart.serving.service import Service
    from recomart.serving.sessions import Happened
    from recomart.serving.words import Answer

NOT_COVERED = [
    "the memory of other worker processes: latest events and answers, until they end",
    "the lake, the warehouse, the online store: events already drained, features, models",
    "backups, and logs of a proxy before this server",
]
SHOWN_HISTORY = 1_000
"""Entries of a model's history that are told."""


def as_json(value: object) -> Response:
    """Write a record."""
    return Response(to_json(value, inf_nan_mode="null"), media_type="application/json")


def asked_of(body: RecommendIn) -> Asked:
    """Turn a request into a question."""
    return Asked(
        user_id=body.user_id or "",
        n=body.n_items,
        session_id=body.session_id or "",
        items=tuple(body.items),
        min_confidence=body.min_confidence,
        exclude_seen=body.exclude_seen,
        filters=_filters_of(body.filters),
    )


def _filters_of(given: FiltersIn) -> Filters:
    return Filters(
        categories=frozenset(given.categories),
        min_price=given.min_price,
        max_price=given.max_price,
        only_available=given.only_available,
        exclude=frozenset(given.exclude),
        max_per_category=given.max_per_category,
    )


def listed(answer: Answer, *, with_metadata: bool) -> dict[str, Any]:
    """Return what is given for a list."""
    return {
        "recommendation_id": answer.recommendation_id,
        "model": answer.model,
        "model_version": answer.version,
        "degraded": bool(answer.degraded),
        "degraded_parts": answer.degraded,
        "items": _lines(answer.lines, with_metadata=with_metadata),
    }


def _lines(lines: Sequence[Recommendation], *, with_metadata: bool) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {
            "item_id": line.item_id,
            "rank": line.rank,
            "score": line.score,
            "confidence": line.confidence,
            "reason": line.reason,
            "source": line.source,
        }
        for line in lines
    ]
    if with_metadata:
        for row, line in zip(told, lines, strict=True):
            row["metadata"] = _metadata(line)
    return told


def _metadata(line: Recommendation) -> dict[str, Any]:
    return {
        "title": line.title,
        "category_id": line.category_id,
        "price": line.price,
        "available": line.available,
    }


def did(happened: Iterable[Happened]) -> list[dict[str, str]]:
    """Tell what a visitor did."""
    return [
        {
            "item_id": one.item_id,
            "event_type": one.event_type,
            "occurred_at": written(one.occurred_us),
        }
        for one in happened
    ]


def known_to_model(shop: Shop, user_id: str) -> list[dict[str, str]]:
    """Tell what a model knows that a user did, the latest first."""
    row = shop.user_index(user_id)
    if row < 0:
        return []
    start, stop = shop.history.indptr[row : row + 2].tolist()
    places = sorted(range(start, stop), key=lambda at: int(shop.last_us[at]), reverse=True)
    ids = shop.items["item_id"]
    return [
        {
            "item_id": ids[int(shop.history.indices[at])].as_py(),
            "event_type": EVENT_TYPES[int(shop.types[at])],
            "occurred_at": written(int(shop.last_us[at])),
        }
        for at in places[:SHOWN_HISTORY]
    ]


def exported(service: Service, user_id: str, events: Sequence[Event]) -> dict[str, Any]:
    """Tell what this service knows of a user."""
    return {
        "user_id": user_id,
        "session": did(service.engine.sessions.of(user_id, 0)),
        "event_log": [event._asdict() for event in events],
        "model": known_to_model(service.engine.served.champion.shop, user_id),
        "not_covered": NOT_COVERED,
    }


def explained(kept: Kept, served: Served) -> dict[str, Any]:
    """Tell how an answer came about."""
    asked, answer = kept.asked, kept.answer
    is_same = answer.version == served.state.version
    return {
        "recommendation_id": answer.recommendation_id,
        "at": written(kept.at_us),
        "model": answer.model,
        "model_version": answer.version,
        "is_still_serving": is_same,
        "asked": {
            "user_id": asked.user_id or None,
            "session_id": asked.session_id or None,
            "n_items": asked.n,
            "items": asked.items,
        },
        "rules": {
            **asdict(asked.filters),
            "exclude_seen": asked.exclude_seen,
            "min_confidence": asked.min_confidence,
        },
        "acted": answer.acted,
        "fresh": did(kept.fresh),
        "history": known_to_model(served.champion.shop, asked.user_id) if is_same else None,
        "degraded_parts": answer.degraded,
        "items": _lines(answer.lines, with_metadata=True),
    }


def health(service: Service, features: list[dict[str, Any]], troubles: list[str]) -> dict[str, Any]:
    """Tell how the service is."""
    state, intake = service.engine.state, service.intake
    return {
        "status": "degraded" if troubles else "ok",
        "model": {
            "name": state.model,
            "version": state.version,
            "number": state.number,
            "published_at": state.published_at,
            "newest_event_at": written(state.newest_event_us),
            "n_items": state.n_items,
            "n_users": state.n_users,
        },
        "freshness_s": round(service.freshness_s(), 3),
        "features": [
            {name: view[name] for name in ("view", "version", "as_of", "age_s", "is_fresh")}
            for view in features
        ],
        "event_log": {
            "is_open": intake.is_open,
            "waiting": intake.n_waiting,
            "trouble": intake.trouble,
        },
        "refused_model": service.loader.why_refused(),
        "troubles": troubles,
        "started_at": written(service.started_us),
    }
