"""Plain records of lists and events, and of an answer with what it was an answer to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from recomart.vocabulary import EVENT_TYPES, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from recomart.ranking import Recommendation
    from recomart.ranking.shop import Shop
    from recomart.serving.sessions import Happened
    from recomart.serving.words import Answer, Asked

SHOWN_HISTORY = 1_000
"""Entries of a model's history that are told."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and what it was an answer to.

    at_us     when it was asked for
    fresh     what the visitor had done since the model learned
    versions  view → version of the features that the ranker saw; empty where it saw none
    """

    at_us: int
    asked: Asked
    answer: Answer
    fresh: Sequence[Happened]
    versions: Mapping[str, str]


def record(kept: Kept) -> dict[str, Any]:
    """Return all that is kept of an answer, as it goes into JSON."""
    asked, answer = kept.asked, kept.answer
    return {
        "recommendation_id": answer.recommendation_id,
        "at_us": kept.at_us,
        "model": answer.model,
        "model_version": answer.version,
        **answer.part_of,
        "asked": {
            "user_id": asked.user_id or None,
            "session_id": asked.session_id or None,
            "n_items": asked.n,
            "items": asked.items,
        },
        "rules": {
            **{field.name: getattr(asked.filters, field.name) for field in fields(asked.filters)},
            "exclude_seen": asked.exclude_seen,
            "min_confidence": asked.min_confidence,
        },
        "acted": dict(answer.acted),
        "fresh": [(one.item_id, one.event_type, one.occurred_us) for one in kept.fresh],
        "versions": dict(kept.versions),
        "degraded_parts": answer.degraded,
        "items": lines(answer.lines, with_metadata=True),
    }


def lines(listed: Sequence[Recommendation], *, with_metadata: bool) -> list[dict[str, Any]]:
    """Tell a list, line by line."""
    told: list[dict[str, Any]] = [
        {
            "item_id": line.item_id,
            "rank": line.rank,
            "score": line.score,
            "confidence": line.confidence,
            "reason": line.reason,
            "source": line.source,
        }
        for line in listed
    ]
    if with_metadata:
        for row, line in zip(told, listed, strict=True):
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
