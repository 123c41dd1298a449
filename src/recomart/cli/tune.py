"""The command that searches for hyper-parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.evaluation.tuning import Trial, Tuning


@click.command()
@click.argument("model")
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="At most.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so long.")
@click.pass_obj
def tune(context: Context, model: str, trials: int, minutes: float | None) -> None:
    """Search for hyper-parameters of a model, judged before the test window.

    \b
    Example:
      recomart tune rp3beta --trials 30 --minutes 5
    """
    from recomart.evaluation.tuning import tune as search
    from recomart.pipeline.runner import open_bench

    seconds = None if minutes is None else 60 * minutes
    with open_bench(context.load(), "train") as bench:
        found = search(bench, model, trials, seconds, _silent if context.as_json else _tell)
    if context.as_json:
        context.answer_one(found.model_dump(mode="json"))
    else:
        _summary(found)


def _silent(_: Trial) -> None:
    """Tell nothing."""


def _tell(trial: Trial) -> None:
    figure = "given up" if trial.ndcg is None else f"NDCG@10 {trial.ndcg:.4f}"
    told = ", ".join(f"{name} {_short(value)}" for name, value in trial.options.items())
    click.echo(f"{trial.number:>4}  {figure:<15}  {told}")


def _summary(found: Tuning) -> None:
    best = found.best
    click.echo(f"\nAs the settings are: NDCG@10 {found.default:.4f}; best: {best.ndcg:.4f}.")
    if not best.options:
        click.echo("Nothing that was tried is better: leave them.")
        return
    told = ", ".join(f"{name}: {_short(value)}" for name, value in best.options.items())
    click.echo(
        f"To use it, in recomart.yaml:\n\nmodels:\n  parameters:\n    {found.model}: {{{told}}}"
    )


def _short(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
