"""The command that runs the pipeline by the clock."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.command()
@click.option("--cron", required=True, metavar="FIELDS", help="When: five fields of cron.")
@click.option("--timezone", default="UTC", show_default=True, help="Of the fields; IANA name.")
@click.option("--only", multiple=True, metavar="STAGE", help="Only this stage; repeatable.")
@click.option("--port", default=4200, show_default=True, help="Of the server, if one is started.")
@click.pass_obj
def schedule(context: Context, cron: str, timezone: str, only: tuple[str, ...], port: int) -> None:
    """Run the pipeline by the clock, in the foreground, until Ctrl-C or SIGTERM.

    Prefect keeps the times and shows the runs in a browser. Where PREFECT_API_URL names no server,
    one is started on this machine, and ends with this command.

    \b
    Example:
      recomart schedule --cron "0 3 * * *" --timezone Europe/Berlin
    """
    from recomart.pipeline.schedule import Plan, announced, serve

    loaded = context.load()
    names = tuple(name.replace("-", "_") for name in only)
    plan = Plan(cron, timezone, _settings_file(context), names)
    with announced(loaded, plan, port) as told:
        context.answer_one(asdict(told))
        serve(loaded, plan)


def _settings_file(context: Context) -> str:
    """Return what each run is to read. Raises SettingsError for flags, which it would not see."""
    from recomart.errors import SettingsError
    from recomart.settings.load import FILE_NAME

    if context.flags:
        raise SettingsError(
            "`recomart schedule` takes no --set: each run reads the settings anew.",
            remedy=f"Write it in {FILE_NAME}, or in the environment: RECOMART_ENGINE__THREADS=2.",
        )
    file = context.file or Path(FILE_NAME)
    return file.resolve().as_posix() if file.exists() else ""
