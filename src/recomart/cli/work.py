"""Commands that run the pipeline: all of it, or one stage."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recomart.cli.context import Context
    from recomart.pipeline.record import RunRecord, StageRecord
    from recomart.pipeline.stages import Stage
    from recomart.settings import Loaded

DATE = click.DateTime(["%Y-%m-%d"])
STAGES = {
    "ingest": "Bring in what is new of every source, byte for byte.",
    "drain": "Bring in the lists that the service showed.",
    "validate": "Hold rows to their contracts; quarantine the others.",
    "quality-report": "Profile and score the data; write the quality report.",
    "prepare": "Clean, enrich as of the event, find sessions.",
    "explore": "Write figures and pictures of the prepared data.",
    "build-features": "Compute user, item, session and other features.",
    "load-warehouse": "Load the features into the warehouse, for SQL.",
    "materialise": "Load the features into the online store, for look-ups by key.",
    "registry-page": "Write the page of the registered features.",
    "training-rows": "Write candidates for a ranker, with features as known at the moment.",
    "train-ranker": "Fit the ranker, and calibrate confidence.",
    "train": "Fit every model on what was known before the test window.",
    "evaluate": "Compare the models on the test window; decide what serves; write the report.",
    "publish": "Fit what is to be served on everything known.",
}


def dates(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that limit a run to some days."""
    for name, says in (
        ("--date", "Only files and events of this day."),
        ("--until", "Only days up to this one."),
        ("--from", "Only days from this one on."),
    ):
        command = click.option(name, f"{name[2:]}_", type=DATE, metavar="YYYY-MM-DD", help=says)(
            command
        )
    return click.option("--force", is_flag=True, help="Do it again even if nothing changed.")(
        command
    )


@click.command()
@dates
@click.option("--only", multiple=True, metavar="STAGE", help="Only this stage; repeatable.")
@click.pass_obj
def run(context: Context, /, only: tuple[str, ...], **options: Any) -> None:
    """Run the whole pipeline: what is done is skipped, what was cut off goes on.

    \b
    Examples:
      recomart run
      recomart run --from 2011-01-01 --until 2011-01-31
      recomart run --only validate --only prepare --force
    """
    execute(context, [name.replace("-", "_") for name in only], **options)


def _stage_command(name: str, says: str) -> click.Command:
    def command(context: Context, **options: Any) -> None:
        execute(context, [name.replace("-", "_")], **options)

    command.__doc__ = f"{says}\n\n\b\nExample:\n  recomart {name} --force"
    return click.command(name)(dates(click.pass_obj(command)))


STAGE_COMMANDS = tuple(_stage_command(name, says) for name, says in STAGES.items())


def execute(context: Context, names: Sequence[str], *, force: bool = False, **days: Any) -> None:
    """Run stages and tell how it goes; after a whole run the reports are those of it."""
    from recomart.pipeline.published import publish_reports

    loaded = context.load()
    record = run_and_tell(loaded, names, quiet=context.as_json, force=force, **days)
    if context.as_json:
        context.answer_one(record.model_dump(mode="json"))
    else:
        click.echo(f"Run {record.run_id} {record.outcome} in {record.seconds:.1f} s.")
    if not names:
        pages = publish_reports(loaded)
        if pages and not context.as_json:
            click.echo(f"Reports: {pages[0]}")


def run_and_tell(
    loaded: Loaded,
    names: Sequence[str] = (),
    *,
    quiet: bool = False,
    force: bool = False,
    **days: Any,
) -> RunRecord:
    """Run stages with progress: a spinner on a terminal, plain lines elsewhere."""
    from recomart.lake import Dates
    from recomart.pipeline import run as run_pipeline
    from recomart.pipeline.stages import chosen

    chosen(names)  # unknown ones are found before anything is begun
    iso = {key: f"{value:%Y-%m-%d}" if value else None for key, value in days.items()}
    one = iso.get("date_")
    dates = Dates(one or iso.get("from_"), one or iso.get("until_"))
    watch = _silent if quiet else Progress()
    return run_pipeline(loaded, names, dates=dates, force=force, watch=watch)


def _silent(_what: str, _stage: Stage, _record: StageRecord | None) -> None:
    """Tell nothing."""


class Progress:
    """Tells a person what a run is doing, one line a stage."""

    def __init__(self) -> None:
        self.status: Any = None

    def __call__(self, what: str, stage: Stage, record: StageRecord | None) -> None:
        """Be told of a stage's start or end."""
        if what == "start":
            self._start(f"{stage.name}: {stage.says}")
        elif record is not None:
            self._stop()
            rows = ", ".join(f"{name} {n:,}" for name, n in list(record.rows.items())[:3] if n)
            mark = "=" if record.outcome == "skipped" else "+"
            told = "nothing new" if record.outcome == "skipped" else rows
            click.echo(f"{mark} {stage.name:<15} {record.seconds:7.2f} s  {told}")

    def _start(self, text: str) -> None:
        if sys.stdout.isatty():
            from rich.console import Console

            self.status = Console().status(text)
            self.status.start()

    def _stop(self) -> None:
        if self.status is not None:
            self.status.stop()
            self.status = None
