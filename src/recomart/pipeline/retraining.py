"""Retraining: bring in what is new, measure the reasons, decide, and train where it is needed.

Every decision is a version of the data set `retraining`, with the figure, the threshold and the
verdict of each reason. What then serves is decided by the promotion gate, as in any other run.

Reasons are measured of the newest published model. It is the champion, unless another one is held:
then training anew would help nobody as long as the newest is fresh.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel

from recomart.evaluation.stage import read_evaluation
from recomart.lake import open_lake
from recomart.monitoring.reason import Reason
from recomart.monitoring.reasons import reasons_to_retrain
from recomart.monitoring.since import Since
from recomart.monitoring.stage import DATASET as MONITORING
from recomart.monitoring.stage import FIRST, read_monitoring
from recomart.pipeline.monitoring import EXPERIMENT_REPORT, MONITOR, stages_of
from recomart.pipeline.runner import Session, open_session
from recomart.pipeline.runs import Runs
from recomart.pipeline.stages import Stage, expand
from recomart.ranking.aliases import PUBLISHED, find_challenger, find_champion
from recomart.vocabulary import written

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.lake import Lake, Manifest, Workbench
    from recomart.pipeline.record import StageRecord
    from recomart.settings import Loaded

DATASET, FILE = "retraining", "decision.json"
NOT_NEEDED, ASKED = "not needed", "asked for"

DECIDE = Stage(
    name="retraining",
    says="measure the reasons to train anew, and decide",
    function="recomart.pipeline.retraining:decide_if_needed",
    log="retraining",
    reads=(MONITORING, "events", "exposures", "*view", "published_model", "evaluation"),
    writes=(DATASET,),
    settings=("retraining", "monitoring", "evaluation"),
    uses=("monitoring",),
    always=True,
)
"""It is no stage of a plain run."""
DECIDE_ANYWAY = replace(DECIDE, function="recomart.pipeline.retraining:decide_anyway")


class Decision(BaseModel, frozen=True, extra="forbid"):
    """Whether to train, and why.

    published  number of the published model that was measured; null: there is none
    champion   number of the one that serves
    is_needed  whether a reason speaks for it
    is_asked   whether it was asked for, whatever the reasons
    """

    decided_at: str
    published: int | None
    champion: int | None
    reasons: tuple[Reason, ...]
    is_needed: bool
    is_asked: bool
    why: str

    @property
    def trains(self) -> bool:
        """Tell whether training follows."""
        return self.is_needed or self.is_asked


class Retraining(Decision):
    """A decision, and what came of it.

    says  what the gate decided, or why nothing was trained
    """

    is_trained: bool
    serves: int | None
    says: str


def retrain(
    loaded: Loaded,
    *,
    if_needed: bool = True,
    watch: Callable[[str, Stage, StageRecord | None], None] = lambda *_: None,
) -> Retraining:
    """Bring in what is new, decide, and train if a reason speaks for it, or in any case.

    One run under one lease; `watch` as in `recomart.pipeline.run`. Raises LakeBusyError.
    """
    with open_session(loaded, why="retraining") as session:

        def go(stage: Stage) -> StageRecord:
            watch("start", stage, None)
            record = session.run_stage(stage)
            watch("end", stage, record)
            return record

        for stage in (*stages_of("data_processing"), MONITOR, EXPERIMENT_REPORT):
            go(stage)
        go(DECIDE if if_needed else DECIDE_ANYWAY)
        decision = read_decision(session.lake)
        session.record.why = f"retraining: {decision.why}"
        records: list[StageRecord] = []
        if decision.trains:
            records = [go(stage) for stage in stages_of("model_training")]
    return _told(decision, records, loaded)


def measure_only(loaded: Loaded) -> Retraining:
    """Measure the lake as it stands; nothing is brought in, written or trained."""
    lake = open_lake(loaded)
    session = Session(loaded, lake, Runs.of(loaded, lake))
    decision = _decide(session.bench(DECIDE, session.key(DECIDE)), is_asked=False)
    told = _told(decision, [], loaded)
    return told.model_copy(
        update={"says": "Only measured: nothing was brought in, nothing trained."}
    )


def read_decision(lake: Lake) -> Decision:
    """Return the newest decision. Raises DataSetNotFoundError."""
    return Decision.model_validate_json(lake.read(DATASET, FILE))


def decide_if_needed(bench: Workbench) -> None:
    """Write a decision that goes by the reasons."""
    _write(bench, _decide(bench, is_asked=False))


def decide_anyway(bench: Workbench) -> None:
    """Write a decision to train, whatever the reasons."""
    _write(bench, _decide(bench, is_asked=True))


def _decide(bench: Workbench, *, is_asked: bool) -> Decision:
    published, champion = bench.lake.find(PUBLISHED), find_champion(bench.lake)
    reasons = _reasons(bench, published)
    speaking = [one.says if one.name == FIRST.name else one.name for one in reasons if one.verdict]
    decision = Decision(
        decided_at=written(bench.now_us),
        published=published.number if published else None,
        champion=champion.number if champion else None,
        reasons=reasons,
        is_needed=bool(speaking),
        is_asked=is_asked,
        why=", ".join(speaking) or (ASKED if is_asked else NOT_NEEDED),
    )
    bench.log.info("decided", trains=decision.trains, why=decision.why)
    return decision


def _reasons(bench: Workbench, published: Manifest | None) -> tuple[Reason, ...]:
    """Take what this run has measured; measure where it has not."""
    measured = bench.lake.find(MONITORING)
    if measured is not None and measured.run_id == bench.run_id:
        return read_monitoring(bench.lake).reasons
    return tuple(reasons_to_retrain(Since(bench, published))) if published else (FIRST,)


def _write(bench: Workbench, decision: Decision) -> None:
    draft = bench.draft(DATASET)
    draft.add_bytes(FILE, decision.model_dump_json(indent=1).encode())
    names = expand(DECIDE.reads, bench.settings)
    parents = [found for name in names if (found := bench.lake.find(name))]
    bench.commit(draft, parents, details={"trains": decision.trains, "why": decision.why})


def _told(decision: Decision, records: list[StageRecord], loaded: Loaded) -> Retraining:
    """Say what came of a decision."""
    lake = open_lake(loaded)
    champion, challenger = find_champion(lake), find_challenger(lake)
    if not records:
        says = "Nothing was trained."
    elif all(record.outcome == "skipped" for record in records):
        says = "Nothing new to learn from: every stage is as it was."
    else:
        says = read_evaluation(loaded).decision.says
        if challenger and champion:
            says += f" Number {challenger.number} waits: {champion.number} is held."
    return Retraining(
        **dict(decision),
        is_trained=any(record.outcome == "done" for record in records),
        serves=champion.number if champion else None,
        says=says,
    )
