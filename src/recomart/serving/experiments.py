"""Experiments in the service: who sees which variant, and what stops one at once.

Which experiments run stands in the lake; a change is in force within `serving.reload_s`. The models
of all variants are loaded before any unit sees one: an experiment of which one model is bad is
left out whole, as else its variants would not be what they say.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recomart.errors import RecomartError
from recomart.log import StageLog
from recomart.ranking.aliases import published
from recomart.ranking.assignment import N_BUCKETS, place_of, unpacked
from recomart.ranking.experiments import EXPERIMENTS, experiments_in
from recomart.serving.engine import Engine
from recomart.serving.words import Assigned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake import Manifest
    from recomart.ranking.experiments import Experiment, Experiments
    from recomart.serving.loading import Loader
    from recomart.serving.request_metrics import Metrics
    from recomart.serving.served import Served
    from recomart.serving.words import Answer, Asked
    from recomart.settings import ServingSettings
    from recomart.settings.experiments import Guardrails

LATEST = 400
"""Lists of a variant that its guardrails look at."""
LEAST = 100
"""Fewer give no verdict."""
MOST_SLOW = 0.05
"""Share of lists that may be slower than `max_ms`."""
log = StageLog("serving")


class Guard:
    """Watches the latest lists of a variant in this worker; what it stopped stays stopped."""

    def __init__(self, guardrails: Guardrails) -> None:
        self._limits = guardrails
        self._failed: deque[bool] = deque(maxlen=LATEST)
        self._slow: deque[bool] = deque(maxlen=LATEST)
        self.why_off: str | None = None

    def note(self, seconds: float, *, is_failed: bool) -> bool:
        """Take up a list; tell whether it was the one that stops the variant."""
        limits = self._limits
        self._failed.append(is_failed)
        self._slow.append(limits.max_ms is not None and seconds * 1e3 > limits.max_ms)
        n = len(self._failed)
        if self.why_off is not None or n < LEAST:
            return False
        failed, slow = sum(self._failed) / n, sum(self._slow) / n
        if limits.max_failed is not None and failed > limits.max_failed:
            self.why_off = f"{failed:.1%} of its last {n} lists failed"
        elif slow > MOST_SLOW:
            self.why_off = f"{slow:.1%} of its last {n} lists took more than {limits.max_ms:g} ms"
        return self.why_off is not None


@dataclass(frozen=True)
class Chosen:
    """What the units of a variant see."""

    experiment: str
    variant: str
    propensity: float
    engine: Engine
    guard: Guard


@dataclass(frozen=True)
class Table:
    """By kind of unit and bucket: what is seen there; None: what all others see."""

    salt: str
    users: list[Chosen | None]
    sessions: list[Chosen | None]


class Variants:
    """Gives each unit its variant. Replacing the table is one assignment, as with a model."""

    def __init__(
        self, loader: Loader, engine: Engine, settings: ServingSettings, metrics: Metrics
    ) -> None:
        self.trouble: str | None = None
        """Why an experiment that runs is not served, if it is not."""
        self._loader = loader
        self._engine = engine
        self._settings = settings
        self._metrics = metrics
        self._table: Table | None = None
        self._version = ""
        self._chosen: tuple[Chosen, ...] = ()

    def choose(self, asked: Asked) -> tuple[Chosen, Assigned] | None:
        """Return what a visitor sees; None: what all others see."""
        table = self._table
        if table is None:
            return None
        kinds = ("user", asked.user_id, table.users), ("session", asked.session_id, table.sessions)
        for unit, name, by_bucket in kinds:
            if not name or not by_bucket:
                continue
            bucket, code = place_of(table.salt, unit, name)
            found = by_bucket[bucket]
            if found is not None:
                of = Assigned(found.experiment, found.variant, code, found.propensity)
                return found, of
        return None

    def recommend(self, chosen: Chosen, assigned: Assigned, asked: Asked) -> Answer:
        """Answer as a variant does; where it fails or is off, as the champion does.

        Such a list still counts for the variant, as its units saw it: to leave out those that it
        failed would make the rest look better. That another model made it stands with the list.
        """
        answer = None if chosen.guard.why_off else self._try(chosen, asked)
        outcome = "failed" if answer is None else "answered"
        self._metrics.variants.labels(chosen.experiment, chosen.variant, outcome).inc()
        return replace(answer or self._engine.recommend(asked), assigned=assigned)

    def _try(self, chosen: Chosen, asked: Asked) -> Answer | None:
        """Ask a variant; None where it fails."""
        began, answer = time.perf_counter(), None
        try:
            answer = chosen.engine.recommend(asked)
        except Exception as error:  # noqa: BLE001 - whatever a variant does, visitors get a list
            log.warning("variant_failed", variant=chosen.variant, error=type(error).__name__)
        if chosen.guard.note(time.perf_counter() - began, is_failed=answer is None):
            names = chosen.experiment, chosen.variant
            self._metrics.is_variant_off.labels(*names).set(1)
            why = chosen.guard.why_off
            log.error("variant_stopped", experiment=names[0], variant=names[1], why=why)
        return answer

    def engine_of(self, kept: dict[str, Any]) -> Engine:
        """Return the engine that a list came from; see `recomart.serving.records.record`."""
        names, version = (kept["experiment"], kept["variant"]), kept["model_version"]
        for one in self._chosen:
            is_it = (one.experiment, one.variant) == names
            if is_it and one.engine.served.state.version == version:
                return one.engine
        return self._engine

    def told(self) -> list[dict[str, Any]]:
        """Tell of the variants, for `/health`."""
        return [
            {
                "experiment": one.experiment,
                "variant": one.variant,
                "model": one.engine.served.state.model,
                "number": one.engine.served.state.number,
                "why_off": one.guard.why_off,
            }
            for one in self._chosen
        ]

    def look(self) -> bool:
        """Follow the lake; tell whether a model was loaded."""
        try:
            manifest = self._loader.lake.find(EXPERIMENTS)
            is_followed = manifest is not None and manifest.version == self._version
            if manifest is None or (is_followed and self._are_current()):
                return False
            state = experiments_in(self._loader.lake, manifest)
            return self._follow(manifest, state)
        except RecomartError as error:  # what was in force stays in force
            self.trouble = f"experiments: {error.cause}"
            return False

    def _are_current(self) -> bool:
        """Tell whether no model of a variant was stated anew, without somebody who was erased."""
        held = {one.engine.served.state.number: one.engine.served.state for one in self._chosen}
        lake = self._loader.lake
        return all(published(lake, number).version == held[number].version for number in held)

    def _follow(self, manifest: Manifest, state: Experiments) -> bool:
        before = {one.engine.served.state.version for one in self._chosen}
        held = {one.engine.served.state.version: one.engine.served for one in self._chosen}
        held[self._engine.served.state.version] = self._engine.served
        troubles, chosen = [], []
        table = Table(state.running[0].salt, [], []) if state.running else None
        for experiment in state.running:
            models = self._models(experiment, held)
            if models is None:
                troubles.append(f"experiment {experiment.name} is left out: a model of it is bad")
                continue
            held.update({served.state.version: served for served in models.values()})
            chosen += list(self._place(experiment, models, table))
        self._tell_on(chosen)
        self._table, self._chosen = table, tuple(chosen)
        self.trouble = "; ".join(troubles) or None
        self._version = "" if troubles else manifest.version  # what is bad may be mended
        log.info("experiments_followed", running=[one.name for one in state.running])
        return bool({one.engine.served.state.version for one in chosen} - before)

    def _tell_on(self, chosen: list[Chosen]) -> None:
        """Let the alert about a variant end that was stopped for good, and so is given no more."""
        given = {(one.experiment, one.variant) for one in chosen}
        for one in self._chosen:
            names = one.experiment, one.variant
            if one.guard.why_off is not None and names not in given:
                self._metrics.is_variant_off.labels(*names).set(0)

    def _models(self, experiment: Experiment, held: dict[str, Served]) -> dict[str, Served] | None:
        """Return the models by variant, those stopped aside; None where one is bad."""
        found: dict[str, Served] = {}
        for variant in experiment.variants:
            if variant.stopped_us is None:
                manifest = published(self._loader.lake, variant.number)
                known = {one.state.version: one for one in (*held.values(), *found.values())}
                served = known.get(manifest.version) or self._loader.try_to_load(manifest)
                if served is None:
                    return None
                found[variant.name] = served
        return found

    def _place(
        self, experiment: Experiment, models: dict[str, Served], table: Table | None
    ) -> Iterator[Chosen]:
        """Put the variants of an experiment into the table."""
        assert table is not None  # noqa: S101 - an experiment runs
        by_bucket = table.users if experiment.declared.unit == "user" else table.sessions
        by_bucket.extend([None] * (N_BUCKETS - len(by_bucket)))
        guards = {(one.experiment, one.variant): one.guard for one in self._chosen}
        for variant in experiment.variants:
            if variant.stopped_us is not None:
                continue
            names = experiment.name, variant.name
            settings = self._settings.model_copy(update=variant.rules.given())
            served = models[variant.name]
            if served.settings != settings:
                served = replace(served, settings=settings)
            served.champion.stage = self._engine.served.champion.stage
            engine = Engine(served, self._engine.sessions, settings)
            guard = guards.get(names) or Guard(experiment.declared.guardrails)
            one = Chosen(*names, variant.share, engine, guard)
            for bucket in unpacked(variant.buckets):
                by_bucket[bucket] = one
            yield one
