"""The pipeline by the clock: Prefect's runner in the foreground, with a server if there is none."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import SettingsError
from recomart.pipeline.prefect_there import need_prefect
from recomart.pipeline.stages import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.settings import Loaded

WHY = "schedule"
LOG = "prefect-server.log"


@dataclass(frozen=True)
class Plan:
    """When what is to be run.

    cron      five fields, in `timezone`
    settings  path of recomart.yaml; empty: there is none
    """

    cron: str
    timezone: str
    settings: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Announced:
    """What a person needs to know of a schedule that is about to begin."""

    deployment: str
    first_run: str
    server: str


@contextmanager
def announced(loaded: Loaded, plan: Plan, port: int) -> Iterator[Announced]:
    """Check a plan and find or start a server; inside, `serve` works.

    Raises SettingsError, NotFoundError, StoreUnavailableError, MissingExtraError.
    """
    need_prefect()
    from recomart.pipeline.prefect_server import some_server

    chosen(plan.only)
    first = first_run(plan)
    log = loaded.path(loaded.settings.paths.logs) / LOG
    with some_server(port, log) as url:
        yield Announced(f"recomart/{_name(loaded)}", first, url)


def first_run(plan: Plan) -> str:
    """Return the moment of the next run, ISO. Raises SettingsError."""
    from prefect.server.schemas.schedules import CronSchedule

    try:
        schedule = CronSchedule(cron=plan.cron, timezone=plan.timezone)
        [moment] = asyncio.run(schedule.get_dates(1))
    except ValueError as error:  # Pydantic's, or that of a day that never comes
        told = [line.strip() for line in str(error).splitlines() if "alue error, " in line]
        said = told[0].partition("error, ")[2].partition(" [type=")[0] if told else str(error)
        raise SettingsError(
            f"{plan.cron!r} in {plan.timezone!r} is no schedule: {said}.",
            remedy="Write five fields, as in --cron '0 3 * * *' (each day at three), and a zone "
            "as Europe/Berlin.",
        ) from None
    return moment.isoformat(timespec="minutes")


def serve(loaded: Loaded, plan: Plan) -> None:
    """Run the flow by the clock, each run in a process of its own, until a signal ends it.

    One at a time: a run whose moment comes while another goes on begins after it.
    """
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from recomart.pipeline.prefect_flow import lake_tag, recomart
    from recomart.pipeline.prefect_runner import GracefulRunner

    runner = GracefulRunner(name=_name(loaded), limit=1, pause_on_shutdown=True)
    runner.add_flow(
        recomart,
        name=_name(loaded),
        description="From new raw files to published models",
        schedule=Cron(plan.cron, timezone=plan.timezone),
        parameters={"settings": plan.settings, "only": list(plan.only), "why": WHY},
        tags=[lake_tag(loaded)],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(runner.start())


def _name(loaded: Loaded) -> str:
    """Return the deployment's name: shops may share a server, and even a name."""
    from recomart.pipeline.prefect_flow import lake_tag

    return f"{loaded.settings.project} {lake_tag(loaded).partition(':')[2]}"
