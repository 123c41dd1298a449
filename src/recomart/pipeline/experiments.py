"""Experiments: start one, stop it, look at what came of it; each is a run, on record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from recomart.experiments import changes
from recomart.experiments.stage import read_report
from recomart.lake import open_lake
from recomart.pipeline.change import change
from recomart.pipeline.monitoring import EXPERIMENT_REPORT, stages_of
from recomart.pipeline.runner import open_session
from recomart.ranking.experiments import EXPERIMENTS, read_experiments

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.experiments.model import Report
    from recomart.lake import Lake, Making, Manifest
    from recomart.pipeline.record import StageRecord
    from recomart.pipeline.stages import Stage
    from recomart.ranking.experiments import Experiment, Experiments
    from recomart.settings import Loaded

STAGE = "experiment"
"""What a record calls a start and a stop; it is none of the stages of `recomart run`."""


def start(loaded: Loaded, name: str, why: str) -> Experiment:
    """Start an experiment of the settings: it is served within `serving.reload_s`.

    Raises NotFoundError for a name or a model that is not there, BadInputError where it was run
    before or its layer has no room, LakeBusyError.
    """
    return _put(loaded, lambda lake, now_us: changes.started(loaded, lake, name, now_us, why), why)


def stop(loaded: Loaded, name: str, variant: str | None, why: str) -> Experiment:
    """End an experiment, or one variant of it: its units see what all others see.

    Raises NotFoundError, BadInputError where it has ended already, LakeBusyError.
    """
    return _put(loaded, lambda lake, now_us: changes.stopped(lake, name, variant, now_us, why), why)


def _put(loaded: Loaded, made: Callable[[Lake, int], Experiment], why: str) -> Experiment:
    """Let a changed experiment be in force."""
    made(open_lake(loaded), 0)  # a slip of the pen is no run that failed
    found: list[Experiment] = []

    def do(lake: Lake, making: Making) -> Manifest:
        found.append(made(lake, time.time_ns() // 1_000))
        return changes.put(lake, making, found[0])

    change(loaded, STAGE, EXPERIMENTS, do, why)
    return found[0]


def status(loaded: Loaded) -> Experiments:
    """Return what was started."""
    return read_experiments(open_lake(loaded))


def report(
    loaded: Loaded, *, watch: Callable[[str, Stage, StageRecord | None], None] = lambda *_: None
) -> Report:
    """Bring in what is new, and analyse. `watch` as in `recomart.pipeline.run`.

    One run under one lease. Raises LakeBusyError; NotFoundError before the first start.
    """
    changes.hold_to_some(open_lake(loaded))
    with open_session(loaded, why="experiments") as session:
        for stage in (*stages_of("data_processing"), EXPERIMENT_REPORT):
            watch("start", stage, None)
            watch("end", stage, session.run_stage(stage))
        return read_report(session.lake)
