"""A challenger that answers unseen: after the champion, in the background, to be compared."""

from __future__ import annotations

import queue
import random
import time
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from recomart.errors import RecomartError
from recomart.log import StageLog, for_this_shop
from recomart.ranking.aliases import find_challenger, published
from recomart.serving.engine import Engine
from recomart.serving.sessions import Sessions

if TYPE_CHECKING:
    from recomart.lake import Manifest
    from recomart.serving.loading import Loader
    from recomart.serving.request_metrics import Metrics
    from recomart.serving.served import Served
    from recomart.serving.sessions import Happened
    from recomart.serving.words import Answer, Asked
    from recomart.settings import ServingSettings

WAITING = 32
"""Questions that may wait for the challenger; more are dropped."""
REST = 3.0
"""So many times as long as an answer took, the thread rests: it has a quarter of a core at most."""
log = StageLog("serving")


class _Question(NamedTuple):
    """What the champion was asked, and what it said."""

    asked: Asked
    happened: list[Happened]
    answer: Answer


class Shadow:
    """Asks a challenger what the champion was asked, for a share of the questions.

    Whoever is answered never waits for it. What came of it is counted and logged: never who asked.
    """

    def __init__(
        self, loader: Loader, sessions: Sessions, settings: ServingSettings, metrics: Metrics
    ) -> None:
        self.served: Served | None = None
        """The challenger, while there is one that can answer."""
        self.trouble: str | None = None
        """Why it cannot be found, if it cannot."""
        self._loader = loader
        self._sessions = sessions
        self._settings = settings
        self._metrics = metrics
        self._waiting: queue.Queue[_Question] = queue.Queue(WAITING)
        self._stop = Flag()
        self._thread = Thread(target=for_this_shop(self._run), name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to answer, where the settings give it a share."""
        if self._settings.shadow:
            self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_on(self) -> bool:
        """Whether there is a challenger that answers."""
        return self.served is not None

    def look(self, champion: str) -> bool:
        """Find the challenger; tell whether another took its place. What is bad is refused.

        champion  the version that serves
        """
        if not self._settings.shadow:
            return False
        try:
            manifest = self._find()
            self.trouble = None
        except RecomartError as error:
            manifest, self.trouble = None, f"challenger: {error.cause}"
        if manifest is None or manifest.version == champion:
            self.served = None
            return False
        if self.served is not None and self.served.state.version == manifest.version:
            return False
        self.served = None  # before the next is loaded: two are enough in memory
        self.served = self._loader.try_to_load(manifest)
        return self.served is not None

    async def offer(self, asked: Asked, answer: Answer) -> None:
        """Let the challenger answer as well, if chance wills so and there is room.

        Not where the champion was degraded: that would compare something else.
        """
        if answer.degraded or random.random() >= self._settings.shadow:
            return
        happened = self._sessions.of(asked.who, 0) if asked.who else []
        try:
            self._waiting.put_nowait(_Question(asked, happened, answer))
        except queue.Full:
            self._metrics.shadow.labels("dropped").inc()

    def _find(self) -> Manifest | None:
        lake, number = self._loader.lake, self._settings.shadow_model
        return find_challenger(lake) if number is None else published(lake, number)

    def _run(self) -> None:
        """Be the thread."""
        while not self._stop.is_set():
            try:
                question = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            began = time.perf_counter()
            served = self.served
            if served is not None:
                self._answer(served, question)
            self._stop.wait(REST * (time.perf_counter() - began))

    def _answer(self, served: Served, question: _Question) -> None:
        asked, _, champions = question
        sessions = Sessions()
        sessions.add((asked.who, one) for one in question.happened)
        began = time.perf_counter()
        try:
            answer = Engine(served, sessions, self._settings).recommend(asked)
        except Exception as error:  # noqa: BLE001 - whatever a challenger does, the champion goes on
            self._metrics.shadow.labels("failed").inc()
            log.warning("shadow_failed", version=served.state.version, error=type(error).__name__)
            return
        self._tell(champions, answer, time.perf_counter() - began)

    def _tell(self, champions: Answer, answer: Answer, seconds: float) -> None:
        first, second = ([line.item_id for line in one.lines] for one in (champions, answer))
        overlap = len({*first} & {*second}) / max(len(first), len(second), 1)
        self._metrics.shadow.labels("answered").inc()
        self._metrics.shadow_overlap.observe(overlap)
        self._metrics.shadow_seconds.observe(seconds)
        log.info(
            "shadow_answered",
            recommendation_id=champions.recommendation_id,
            model_version=champions.version,
            items=first,
            shadow_id=answer.recommendation_id,
            shadow_version=answer.version,
            shadow_items=second,
            shadow_degraded=answer.degraded,
            overlap=round(overlap, 4),
            ms=round(seconds * 1e3, 2),
        )
