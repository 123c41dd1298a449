"""The service: an engine with a model that is kept current, and events that are taken."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import MissingExtraError, RecomartError
from recomart.events import EventFile
from recomart.events.exposures import beside
from recomart.lake import Erasures
from recomart.log import SHOP
from recomart.serving.engine import Engine
from recomart.serving.experiments import Variants
from recomart.serving.explaining import explained, seen_versions
from recomart.serving.intake import Intake, to_log
from recomart.serving.journal import TURN_S, Journal
from recomart.serving.loading import open_loader
from recomart.serving.published_metrics import PublishedMetrics
from recomart.serving.records import Kept
from recomart.serving.request_metrics import Metrics
from recomart.serving.resources import Resources
from recomart.serving.security import Keys, is_loopback
from recomart.serving.sessions import Sessions
from recomart.serving.shadow import Shadow
from recomart.serving.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from recomart.events import Event
    from recomart.events.file import Outcome
    from recomart.serving.experiments import Chosen
    from recomart.serving.intake import Taking
    from recomart.serving.served import Served
    from recomart.serving.traces import Traces
    from recomart.serving.words import Answer, Asked, Assigned
    from recomart.settings import Loaded

Found = TypeVar("Found")
CATCH_UP_S = 2.0
"""How long a start waits until the events of the log are known."""
ASIDE = 2
"""Threads for what is no list: health, metrics, explanations, exports."""
RARELY = 5
"""Turns of looking for a model until views and published metrics are looked for, too."""
TRIES = 15
"""Turns of another worker that an answer of its is waited for."""


class Service:
    """What the doors of one process lead to.

    settle  is called when a model is in place, before anybody waits for it
    shared  a model that the process was born with; see `load_to_share`
    taking  opens what takes its events
    """

    def __init__(
        self,
        loaded: Loaded,
        settle: Callable[[], None] = lambda: None,
        shared: Served | None = None,
        taking: Taking = to_log,
    ) -> None:
        settings = loaded.settings.serving
        self.settings = settings
        self.folder = loaded.folder
        self.shop = loaded.shop
        self.erasures = Erasures.of(loaded)
        self.loader = open_loader(loaded)
        self.online = self.loader.online
        served = self.loader.first(shared)
        self.metrics = Metrics(loaded.shop)  # not before: it is told from here on
        served.champion.look_up_in(self.online)
        self.engine = Engine(served, Sessions(), settings)
        keys = loaded.path(settings.keys)
        self.keys = Keys(keys, are_needed=not is_loopback(settings.host))
        events = loaded.path(settings.events)
        drop = self.engine.sessions.forget
        told_lag = self.metrics.event_lag.observe
        self.intake = Intake(events, partial(taking, loaded), self.engine.observe, told_lag, drop)
        most = settings.kept_answers, settings.kept_exposures
        self.journal = Journal(beside(events), most[0], self.intake.forget, most[1])
        self.experiments = Variants(self.loader, self.engine, settings, self.metrics)
        self.shadow = Shadow(self.loader, self.engine.sessions, settings, self.metrics)
        self.traces = _open_traces(settings.otlp)
        self.published = PublishedMetrics(self.loader.lake, self.metrics)
        # what several shops use of the machine is the process's: `recomart.serving.shops`
        self.resources = None if loaded.shop else Resources(self.metrics.registry, [self.folder])
        self.engine.served.champion.stage = self._stage
        self.started_us = time.time_ns() // 1_000
        self.metrics.serves(self.engine.state)
        self._pool = self._threads(settings.threads, "engine")
        self._aside = self._threads(ASIDE, "aside")
        self._watchers: list[Watcher] = []
        self._settle = settle
        settle()

    def _threads(self, n: int, name: str) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(n, name, initializer=SHOP.set, initargs=(self.shop,))

    def start(self) -> None:
        """Begin to take events and to look for new models."""
        self.journal.start()  # first, so that it hears of whom to forget while events are read
        self.intake.start()
        self.look_for_experiments()
        self.shadow.start()
        self.intake.is_caught_up.wait(CATCH_UP_S)
        every_s = self.settings.reload_s
        self._watchers = [
            Watcher("champion", every_s, self.look_for_champion),
            Watcher("challenger", every_s, self._look_for_challenger),
            Watcher("experiments", every_s, self.look_for_experiments),
            Watcher("gauges", every_s, self._set_gauges),
            Watcher("views", every_s * RARELY, self._look_at_views),
            Watcher("monitoring", every_s * RARELY, self.published.look),
        ]

    def close(self) -> None:
        """Write the events that wait, and let everything go."""
        self.intake.close()
        self.journal.close()
        self.shadow.close()
        for watcher in self._watchers:
            watcher.close()
        for pool in (self._pool, self._aside):
            pool.shutdown(cancel_futures=True)
        self.online.close()
        if self.traces:
            self.traces.close()

    def look_for_champion(self) -> None:
        """Put a new champion in place, if there is one that can serve."""
        served = self.loader.next(self.engine.served.state.version)
        if served is not None:
            served.champion.stage = self._stage
            self.engine.served = served
            self.metrics.serves(served.state)
            self._settle()

    def _look_for_challenger(self) -> None:
        if self.shadow.look(self.engine.served.state.version):
            self._settle()

    def look_for_experiments(self) -> None:
        """Follow which experiments run."""
        if self.experiments.look():
            self._settle()

    async def aside(self, do: Callable[[], Found]) -> Found:
        """Do something that is no list in a thread of its own: lists need not wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, do)

    async def answer(self, ask: Callable[[], Answer], n: int, who: str = "") -> Answer:
        """Ask the engine, count what it answers, and note that it is shown to somebody."""
        at_us = time.time_ns() // 1_000  # before, so that forgetting in between covers it
        with self._stage("engine"):
            ask = self.traces.carried(ask) if self.traces else ask
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        self.metrics.answered(answer, n)
        self.journal.show(who, at_us, answer)
        return answer

    async def recommend(self, asked: Asked) -> Answer:
        """Answer, and keep the answer for whoever wants it explained."""
        at_us, part = time.time_ns() // 1_000, self.experiments.choose(asked)
        served = part[0].engine.served if part else self.engine.served
        known_us = served.state.newest_event_us
        fresh = self.engine.sessions.of(asked.who, known_us) if asked.who else []
        answer = await self.answer(lambda: self._ask(asked, part), asked.n, asked.who)
        if self.journal.most:
            versions = seen_versions(served, self.online)
            self.journal.add(Kept(at_us, asked, answer, fresh, versions))
        return answer

    def _ask(self, asked: Asked, part: tuple[Chosen, Assigned] | None) -> Answer:
        return self.experiments.recommend(*part, asked) if part else self.engine.recommend(asked)

    async def take(self, events: Sequence[Event]) -> list[Outcome]:
        """Take events; on return they are safe, and the next list knows of them."""
        with self._stage("event_log"):
            outcomes = await self._append(events)
        n_accepted = outcomes.count("accepted")
        self.metrics.events.labels("accepted").inc(n_accepted)
        self.metrics.events.labels("duplicate").inc(len(events) - n_accepted)
        return outcomes

    async def _append(self, events: Sequence[Event]) -> list[Outcome]:
        try:
            outcomes = await asyncio.wrap_future(self.intake.append(events))
        except RecomartError as error:
            self.intake.note(error)
            self.metrics.events.labels("refused").inc(len(events))
            raise
        self.intake.note(None)
        taken = zip(events, outcomes, strict=True)
        self.intake.observe([event for event, outcome in taken if outcome == "accepted"])
        return outcomes

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Measure a stage that comes to its end."""
        began = time.perf_counter()
        with self.traces.stage(name) if self.traces else nullcontext():
            yield
        self.metrics.stage_seconds.labels(name).observe(time.perf_counter() - began)

    def events_of(self, user_id: str) -> list[Event]:
        """Return what the event log holds of a user. Raises StoreUnavailableError."""
        return self._with_log(lambda file: file.of_user(user_id))

    async def explain(self, recommendation_id: str) -> dict[str, Any]:
        """Tell how an answer came about, whichever worker gave it. Raises NotFoundError.

        One that another worker gave a moment ago is waited for.
        """
        for _ in range(TRIES):
            kept = await self.aside(lambda: self.journal.find(recommendation_id))
            if kept is not None:
                break
            await asyncio.sleep(TURN_S)
        else:
            raise self.journal.not_found()
        engine, online = self.experiments.engine_of(kept), self.online
        served, seen = engine.served, engine.settings.exclude_seen
        return await self.aside(lambda: explained(kept, served, online, exclude_seen=seen))

    def forget(self, user_id: str) -> tuple[str, bool, int, int]:
        """Forget a user, in all workers, and order that they are erased everywhere.

        Return the erasure's id, was a session known here, how many events and answers. The others
        follow within `TURN_S`. Raises StoreUnavailableError; again does no harm.
        """
        order = self.erasures.order(user_id, "the API")  # first: from here on it is certain
        sessions = {event.session_id for event in self.events_of(user_id)}
        n_events = self._with_log(lambda file: file.forget_user(user_id))
        at_us = time.time_ns() // 1_000  # after it, so that whatever was in the log is covered
        names = {user_id, *(name for name in sessions if name)}
        n_answers = self.journal.forget(names, at_us)
        return order.erasure_id, self.intake.forget(names, at_us), n_events, n_answers

    def troubles(self) -> list[str]:
        """Say what is out of order."""
        parts = [f"degraded: {part}" for part in self.engine.state.degraded]
        watched = self.experiments, self.shadow
        rooms = (self.intake, self.journal, self.loader, *watched, self.keys)
        found = [self.loader.why_refused(), *(room.trouble for room in rooms)]
        return [*parts, *(one for one in found if one)]

    def freshness_s(self) -> float:
        """Return now minus the newest event that the model knows, in seconds."""
        return time.time() - self.engine.served.state.newest_event_us / 1e6

    def _with_log(self, do: Callable[[EventFile], Found]) -> Found:
        file = EventFile(self.intake.path)
        try:
            return do(file)
        finally:
            file.close()

    def _set_gauges(self) -> None:
        self.metrics.queue.set(self.intake.n_waiting)
        self.metrics.freshness.set(self.freshness_s())
        self.metrics.is_refused.set(bool(self.loader.refused))
        self.metrics.is_lake_away.set(self.loader.trouble is not None)
        if self.resources:
            self.resources.measure()

    def _look_at_views(self) -> None:
        try:
            views = self.online.freshness()
        except RecomartError:  # lists without features are counted, and `/health` tells
            return
        for view in views:
            self.metrics.view_at.labels(view["view"]).set(time.time() - view["age_s"])
        self.metrics.stale_views.set(sum(not view["is_fresh"] for view in views))


def _open_traces(endpoint: str) -> Traces | None:
    """Begin to trace where an endpoint is named. Raises MissingExtraError."""
    if not endpoint:
        return None
    try:
        from recomart.serving.traces import Traces
    except ModuleNotFoundError as error:
        raise MissingExtraError("opentelemetry", "otel") from error
    return Traces(endpoint)
