"""The command that trains anew, in any case or where a reason speaks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.pipeline.retraining import Retraining

COLUMNS = ("name", "now", "threshold", "verdict", "says")


@click.command()
@click.option("--if-needed", is_flag=True, help="Train only where a reason speaks for it.")
@click.option("--dry-run", is_flag=True, help="Only measure the lake as it stands; write nothing.")
@click.pass_obj
def retrain(context: Context, if_needed: bool, dry_run: bool) -> None:
    """Bring in what is new, and train anew; the promotion gate decides what serves.

    \b
    Example:
      recomart retrain --if-needed
    """
    from recomart.pipeline import retraining
    from recomart.pipeline.published import publish_reports

    loaded = context.load()
    if dry_run:
        _tell(context, retraining.measure_only(loaded))
        return
    found = retraining.retrain(loaded, if_needed=if_needed)
    _tell(context, found)
    publish_reports(loaded)


def _tell(context: Context, found: Retraining) -> None:
    if context.as_json:
        context.answer_one(found.model_dump(mode="json"))
        return
    context.answer([reason.model_dump() for reason in found.reasons], COLUMNS)
    click.echo(f"\nRetraining: {found.why}. {found.says}")
    if found.serves:
        click.echo(f"Published model {found.serves} serves.")
