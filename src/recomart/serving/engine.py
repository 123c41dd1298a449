"""The engine: answers who asks, and takes up what they do. It has never heard of HTTP."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from recomart.errors import StoreUnavailableError
from recomart.ranking.answers import new_recommendation_id
from recomart.ranking.lines import TRENDING
from recomart.serving.sessions import Happened
from recomart.serving.words import Answer
from recomart.vocabulary import VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from recomart.ranking import Recommendation
    from recomart.serving.served import Served
    from recomart.serving.sessions import Sessions
    from recomart.serving.words import Asked, State
    from recomart.settings import ServingSettings

FEATURES_DOWN = "features"
"""Named in `Answer.degraded` where the online store did not answer."""
NOTHING_ACTED: Mapping[str, int] = {}
QUIET_S = 5.0
"""So long after a failure the online store is not asked again."""


class Engine:
    """Answers in memory. `served` is replaced by one assignment; whoever answers keeps theirs."""

    def __init__(self, served: Served, sessions: Sessions, settings: ServingSettings) -> None:
        self.served = served
        self.sessions = sessions
        self.settings = settings
        self._store_failed_at = -math.inf

    def recommend(self, asked: Asked) -> Answer:
        """Rank items for a user, a session or nobody: `n` of them, if so many are allowed."""
        served, shop = self.served, self.served.champion.shop
        now_us = time.time_ns() // 1_000
        happened = self._happened(served, asked, now_us)
        history = shop.of_row(shop.user_index(asked.user_id), served.fresh(happened))
        rules = served.rules(asked.filters, served.too_recent(history.row, happened, now_us))
        seen = self.settings.exclude_seen if asked.exclude_seen is None else asked.exclude_seen
        answer = partial(
            served.champion.answer,
            asked.user_id,
            history,
            asked.n,
            exclude_seen=seen,
            rules=rules,
        )
        try:
            lines = answer(with_features=not self._is_store_quiet)
        except StoreUnavailableError:
            self._store_failed_at = time.monotonic()
            lines = answer(with_features=False)
        kept = [one for one in lines if (one.confidence or 0.0) >= asked.min_confidence]
        rules.count("seen", len(history.visitor.items) if seen else 0)
        rules.count("min_confidence", len(lines) - len(kept))
        return _answer(served, kept, self._degraded, rules.acted)

    def similar(self, item_id: str, n: int) -> Answer:
        """Rank items by their likeness to one."""
        served = self.served
        return _answer(served, served.champion.similar(item_id, n, served.rules()))

    def bundle(self, items: Sequence[str], n: int) -> Answer:
        """Rank items that go with a cart."""
        served = self.served
        return _answer(served, served.champion.bundle(items, n, served.rules()))

    def popular(self, n: int) -> Answer:
        """Return what is popular now."""
        served = self.served
        return _answer(served, served.champion.popular(n, served.rules()))

    def trending(self, n: int) -> Answer:
        """Return what is trending; if no model tells, what is popular, and say so."""
        served = self.served
        missing = () if TRENDING in served.champion.models else (TRENDING,)
        return _answer(served, served.champion.trending(n, served.rules()), missing)

    def observe(self, happened: Iterable[tuple[str, Happened]]) -> None:
        """Take up what visitors did: (user or session, event). Their next lists know it."""
        self.sessions.add(happened)

    @property
    def state(self) -> State:
        """What serves now."""
        return replace(self.served.state, degraded=self._degraded)

    @property
    def _degraded(self) -> tuple[str, ...]:
        return (FEATURES_DOWN,) if self._is_store_quiet else ()

    @property
    def _is_store_quiet(self) -> bool:
        return time.monotonic() - self._store_failed_at < QUIET_S

    def _happened(self, served: Served, asked: Asked, now_us: int) -> list[Happened]:
        """Return what the visitor did since the model learned, with what is viewed just now."""
        known_us = served.state.newest_event_us
        happened = self.sessions.of(asked.who, known_us) if asked.who else []
        return [*happened, *(Happened(item, VIEW, now_us) for item in asked.items)]


def _answer(
    served: Served,
    lines: Sequence[Recommendation],
    degraded: tuple[str, ...] = (),
    acted: Mapping[str, int] = NOTHING_ACTED,
) -> Answer:
    state = served.state
    signed = lines[0].recommendation_id if lines else new_recommendation_id(state.version)
    return Answer(signed, tuple(lines), state.model, state.version, degraded, acted)
