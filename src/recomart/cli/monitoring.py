"""The command that measures what there is to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from recomart.cli.retraining import COLUMNS

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.command()
@click.pass_obj
def monitor(context: Context) -> None:
    """Bring in what is new; measure drift, quality and clicks; write the report and metrics.

    \b
    Example:
      recomart monitor
    """
    from recomart.pipeline import monitoring
    from recomart.pipeline.published import publish_reports

    loaded = context.load()
    found = monitoring.monitor(loaded)
    publish_reports(loaded)
    if context.as_json:
        context.answer_one(found.model_dump(mode="json"))
        return
    context.answer([reason.model_dump() for reason in found.reasons], COLUMNS)
    if found.online and found.online.figures:
        rows = [
            {
                "model": one.model,
                "source": one.source,
                "lines": one.clicked.n,
                "clicked": one.clicked.written(),
                "to_cart": one.to_cart.written(),
                "bought": one.bought.written(),
            }
            for one in found.online.told
        ]
        click.echo()
        context.answer(rows, tuple(rows[0]))
    page = loaded.path(loaded.settings.paths.reports) / "monitoring.html"
    says = "A reason speaks for it: `recomart retrain`." if found.is_due else "Not needed."
    click.echo(f"\nTraining anew: {says}\nReport: {page}")
