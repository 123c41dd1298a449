"""Monitoring: bring in what is new, measure what there is to watch, and write it down.

`recomart monitor` does this alone; retraining does it on its way, and decides by what it found.
Experiments are looked at with it, so that whatever runs on schedule stops what breaks a guardrail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.monitoring.stage import DATASET, read_monitoring
from recomart.pipeline.runner import open_session
from recomart.pipeline.stages import STAGES, Stage, in_order
from recomart.ranking.experiments import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.monitoring.model import Monitoring
    from recomart.pipeline.record import StageRecord
    from recomart.settings import Loaded

MONITOR = Stage(
    name="monitoring",
    says="measure drift and quality, and tell what to do",
    function="recomart.monitoring.stage:monitor",
    log="retraining",
    reads=("events", "exposures", "quality", "*view", "published_model", "evaluation"),
    writes=(DATASET,),
    settings=("retraining", "monitoring", "evaluation"),
    uses=("pages",),
    always=True,
)
"""It is no stage of a plain run: right after training, there is nothing to see."""

EXPERIMENT_REPORT = Stage(
    name="experiments",
    says="analyse the experiments, and stop variants that break a guardrail",
    function="recomart.experiments.stage:report",
    log="monitoring",
    reads=("events", "exposures"),
    writes=("experiment_report", EXPERIMENTS),
    uses=("pages", "monitoring"),
    always=True,
)
"""As little one of a plain run."""


def monitor(
    loaded: Loaded, *, watch: Callable[[str, Stage, StageRecord | None], None] = lambda *_: None
) -> Monitoring:
    """Bring in what is new, and measure. `watch` as in `recomart.pipeline.run`.

    One run under one lease. Raises LakeBusyError.
    """
    with open_session(loaded, why="monitoring") as session:
        for stage in (*stages_of("data_processing"), MONITOR, EXPERIMENT_REPORT):
            watch("start", stage, None)
            watch("end", stage, session.run_stage(stage))
        return read_monitoring(session.lake)


def stages_of(part: str) -> list[Stage]:
    """Return the stages of one part of the pipeline, in order."""
    return [stage for stage in in_order(STAGES) if stage.part == part]
