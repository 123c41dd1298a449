"""From what the engine answers to what a door gives: plain records, written as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.responses import Response

from recomart.serving.records import did, known_to_model, lines
from recomart.serving.words import Asked, Filters
from recomart.vocabulary import written

if TYPE_CHECKING:
    from recomart.serving.schemas import FiltersIn, RecommendIn
    from recomart.serving.service import Service
    from recomart.serving.words import Answer, State

REST = "the lake, the warehouse, the online store: events already drained, features, models"
OUTSIDE = [
    "services on other machines, which have event logs of their own",
    "backups, and logs of a proxy before this server",
]
NOT_COVERED = [f"{REST}; `recomart export` tells them", *OUTSIDE]
ORDERED = [REST, "quarantine, reports, what MLflow and DVC keep in the shop's folder"]


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
        **answer.part_of,
        "degraded": bool(answer.degraded),
        "degraded_parts": answer.degraded,
        "items": lines(answer.lines, with_metadata=with_metadata),
    }


def exported(service: Service, user_id: str) -> dict[str, Any]:
    """Tell what this service knows of a user. Raises StoreUnavailableError."""
    return {
        "user_id": user_id,
        "session": did(service.engine.sessions.of(user_id, 0)),
        "event_log": [event._asdict() for event in service.events_of(user_id)],
        "answers": [_given(kept) for kept in service.journal.of(user_id)],
        "model": known_to_model(service.engine.served.champion.shop, user_id),
        "not_covered": NOT_COVERED,
    }


def _given(kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "recommendation_id": kept["recommendation_id"],
        "at": written(kept["at_us"]),
        "items": [line["item_id"] for line in kept["items"]],
    }


def health(service: Service, features: list[dict[str, Any]], troubles: list[str]) -> dict[str, Any]:
    """Tell how the service is."""
    state, intake, challenger = service.engine.state, service.intake, service.shadow.served
    return {
        "status": "degraded" if troubles else "ok",
        "model": _model(state),
        "challenger": _model(challenger.state) if challenger else None,
        "variants": service.experiments.told(),
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


def _model(state: State) -> dict[str, Any]:
    return {
        "name": state.model,
        "version": state.version,
        "number": state.number,
        "published_at": state.published_at,
        "newest_event_at": written(state.newest_event_us),
        "n_items": state.n_items,
        "n_users": state.n_users,
    }
