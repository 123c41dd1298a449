"""The stage of experiments: analyse each, stop what breaks a guardrail, write the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.experiments.analysis import analysed
from recomart.experiments.changes import without
from recomart.experiments.model import Report, Result
from recomart.experiments.outcomes import outcomes
from recomart.experiments.page import page_of
from recomart.ranking.experiments import EXPERIMENTS, read_experiments, write_experiments
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from recomart.lake import Lake, Workbench
    from recomart.ranking.experiments import Experiment

DATASET = "experiment_report"
LATE_DAYS = 2.0
"""So long after its time an event may come that still counts."""
FILES = ("experiments.json", "experiments.html")


def report(bench: Workbench) -> None:
    """Write the data set `experiment_report`: JSON and a page; nothing before the first start."""
    state = read_experiments(bench.lake)
    if not state.experiments:
        return
    results, before = [], _before(bench)
    for experiment in state.experiments:
        result = before.get(experiment.name) or _analysed(bench, experiment)
        results.append(result)
        stopped = _without_breaches(bench, experiment, result)
        if stopped is not experiment:
            state = state.put(stopped)
    if state != read_experiments(bench.lake):
        parents = [one.as_parent() for one in bench.current("exposures", "events")]
        write_experiments(bench.lake, bench.making, state, parents)
    _write(bench, results)


def read_report(lake: Lake) -> Report:
    """Return what was found last. Raises DataSetNotFoundError."""
    return Report.model_validate_json(lake.read(DATASET, FILES[0]))


def _before(bench: Workbench) -> dict[str, Result]:
    """Return what was found of experiments that were over by then: their lists go in time."""
    if bench.lake.find(DATASET) is None:
        return {}
    last = read_report(bench.lake)
    return {
        one.name: one
        for one in last.experiments
        if one.ended_us is not None
        and one.ended_us + (one.window_days + LATE_DAYS) * DAY_US <= last.analysed_us
    }


def _analysed(bench: Workbench, experiment: Experiment) -> Result:
    """Analyse what is in the lake; before the first list there is nothing to tell."""
    kept_us = bench.now_us - bench.settings.monitoring.keep_days * DAY_US
    result = analysed(experiment, outcomes(bench, experiment), bench.now_us, kept_us)
    bench.log.info("experiment_analysed", experiment=result.name, says=result.says)
    return result


def _without_breaches(bench: Workbench, experiment: Experiment, result: Result) -> Experiment:
    """Stop the variants that break a guardrail."""
    for breach in result.breaches:
        if experiment.is_running:
            experiment = without(experiment, breach.variant, bench.now_us, breach.says)
        bench.log.error("variant_stopped", experiment=result.name, **breach.model_dump())
    return experiment


def _write(bench: Workbench, results: list[Result]) -> None:
    ordered = sorted(results, key=lambda one: (one.ended_us is not None, -one.started_us))
    found = Report(
        project=bench.settings.project, analysed_us=bench.now_us, experiments=tuple(ordered)
    )
    draft = bench.draft(DATASET)
    bodies = (found.model_dump_json(indent=1), page_of(found))
    for name, body in zip(FILES, bodies, strict=True):
        draft.add_bytes(name, body.encode())
    bench.commit(draft, bench.current("exposures", "events", EXPERIMENTS))
