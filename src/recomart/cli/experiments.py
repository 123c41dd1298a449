"""Commands over experiments: start, stop, look, report; and judging a policy from a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recomart.cli.models import BY_HAND

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.experiments.model import Report
    from recomart.ranking.experiments import Experiment

STATUS = ("experiment", "state", "since", "variant", "model", "share", "why")
COMPARED = ("experiment", "variant", "metric", "mean", "control", "difference", "low", "high",
            "p", "verdict", "more_days")  # fmt: skip


@click.group()
def experiment() -> None:
    """Try published models and rules on a share of the visitors, and see what comes of it."""


@experiment.command()
@click.argument("name")
@click.option("--why", default=BY_HAND, show_default=True, help="Kept with the decision.")
@click.pass_obj
def start(context: Context, name: str, why: str) -> None:
    """Start an experiment that `experiments.tests` declares.

    \b
    Example:
      recomart experiment start short_lists --why "as agreed on Monday"
    """
    from recomart.pipeline import experiments

    _say(context, experiments.start(context.load(), name, why))


@experiment.command()
@click.argument("name")
@click.option("--variant", help="Only this one; its units see what all others see.")
@click.option("--why", default=BY_HAND, show_default=True, help="Kept with the decision.")
@click.pass_obj
def stop(context: Context, name: str, variant: str | None, why: str) -> None:
    """End an experiment, or one of its variants.

    \b
    Examples:
      recomart experiment stop short_lists --why "decided: better"
      recomart experiment stop short_lists --variant shorter
    """
    from recomart.pipeline import experiments

    _say(context, experiments.stop(context.load(), name, variant, why))


@experiment.command()
@click.pass_obj
def status(context: Context) -> None:
    """List what was started, and what may be.

    \b
    Example:
      recomart experiment status
    """
    from recomart.pipeline import experiments

    loaded = context.load()
    started = experiments.status(loaded).experiments
    rows = [row for one in started for row in _rows(one)]
    known = {one.name for one in started}
    tests = loaded.settings.experiments.tests
    rows += [{"experiment": name, "state": "declared"} for name in tests if name not in known]
    context.answer(rows, STATUS)


@experiment.command()
@click.pass_obj
def report(context: Context) -> None:
    """Bring in what is new, analyse, stop what breaks a guardrail, and write the report.

    \b
    Example:
      recomart experiment report
    """
    from recomart.pipeline import experiments
    from recomart.pipeline.published import publish_reports

    loaded = context.load()
    found = experiments.report(loaded)
    publish_reports(loaded)
    if context.as_json:
        context.answer_one(found.model_dump(mode="json"))
        return
    context.answer(_compared(found), COMPARED)
    for one in found.experiments:
        told = [one.says, *(f"{b.variant} was stopped: {b.says}." for b in one.breaches)]
        click.echo(f"\n{one.name}: {' '.join(told)}")
    click.echo(f"\nReport: {loaded.path(loaded.settings.paths.reports) / 'experiments.html'}")


@experiment.command("off-policy")
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--policy", type=click.Path(path_type=Path), required=True,
    help="CSV: item_id, probability, and position where the log has it.",
)  # fmt: skip
@click.option("--most", type=click.FloatRange(1), help="Largest weight of a round; larger are cut.")
@click.pass_obj
def off_policy(context: Context, log: Path, policy: Path, most: float | None) -> None:
    """Estimate what another policy would have earned, from a log with propensities.

    LOG is a CSV as of the Open Bandit Dataset: item_id, position, click, propensity_score.

    \b
    Example:
      recomart experiment off-policy log.csv --policy policy.csv
    """
    from recomart.experiments.open_bandit import estimates

    found = [one.model_dump() for one in estimates(log, policy, most)]
    context.answer(found, tuple(found[0]))


def _say(context: Context, one: Experiment) -> None:
    context.answer(_rows(one), STATUS)


def _rows(one: Experiment) -> list[dict[str, object]]:
    from recomart.vocabulary import written

    return [
        {
            "experiment": one.name,
            "state": "stopped" if v.stopped_us else "running" if one.is_running else "ended",
            "since": written(v.stopped_us or one.ended_us or one.started_us),
            "variant": v.name,
            "model": v.number,
            "share": v.share,
            "why": v.why or one.why,
        }
        for v in one.variants
    ]


def _compared(found: Report) -> list[dict[str, object]]:
    return [
        {
            "experiment": result.name,
            "variant": one.variant,
            "metric": one.metric,
            "mean": one.mean,
            "control": one.control_mean,
            "difference": one.difference,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "verdict": one.verdict,
            "more_days": one.days_needed,
        }
        for result in found.experiments
        for one in result.compared
    ]
