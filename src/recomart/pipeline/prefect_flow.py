"""The pipeline as a Prefect flow: a task a stage, in order, in one process that holds the lease.

    python -m recomart.pipeline.prefect_flow [recomart.yaml [STAGE …]]

Prefect does the schedule, the retries, the time-outs and the pictures; what is done, what is half
done and who may write is known to the lake alone. So a flow that was killed at any moment is
simply run again, and the run that gets the lease after it tells Prefect that it is dead.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from recomart.errors import MissingExtraError, RecomartError, UnavailableError
from recomart.pipeline.prefect_there import need_prefect

try:
    need_prefect()
except MissingExtraError as missing:
    if __name__ != "__main__":
        raise
    sys.stderr.write(f"{missing}\n")
    sys.exit(missing.exit_status)

from prefect import Task, flow, get_client, get_run_logger, tags
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError
from prefect.states import Completed

from recomart.lake import hash_of
from recomart.log import ROOT
from recomart.pipeline.prefect_artefacts import show_reports, show_result_of
from recomart.pipeline.prefect_dead import bury_the_dead
from recomart.pipeline.prefect_server import named_server
from recomart.pipeline.runner import open_session
from recomart.pipeline.stages import chosen
from recomart.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import State

    from recomart.pipeline.runner import Session
    from recomart.pipeline.stages import Stage
    from recomart.settings import Loaded

WHY = "prefect"
MOST_RETRIES = 50  # Prefect's own limit


def lake_tag(loaded: Loaded) -> str:
    """Return the tag of all flow runs that write one lake; its place may be a secret."""
    place = loaded.settings.paths.lake
    return f"lake:{hash_of(place if '://' in place else loaded.path(place).as_posix())[:12]}"


@flow(name="recomart")
def recomart(
    settings: str = "",
    only: list[str] | None = None,
    force: bool = False,  # noqa: FBT001, FBT002 -- Prefect hands parameters over by name
    why: str = WHY,
) -> str:
    """From new raw files to published models; what is done is skipped.

    settings  recomart.yaml, or its folder; empty: the one in the working directory
    only      these stages; none: all of them
    force     do it again even if nothing changed
    why       who or what asked for the run; kept in its record
    """
    loaded = load_settings(Path(settings) if settings else None)
    stages = chosen(only or [])
    me = cast("Any", FlowRunContext.get()).flow_run
    with get_client(sync_client=True) as client, _logs_shown():
        tag = lake_tag(loaded)
        client.update_flow_run(me.id, tags={*me.tags, tag})
        with open_session(loaded, force=force, why=why) as session:
            client.set_flow_run_name(me.id, session.record.run_id)
            bury_the_dead(client, tag, me.id)
            for stage in stages:
                _do(stage, session)
    show_reports(loaded, publish=not only)
    return session.record.run_id


def _do(stage: Stage, session: Session) -> None:
    """Run a stage as a task. What it raises ends the flow: later stages do not begin."""
    try:
        _task_of(stage, session)()
    except TimeoutError:  # Prefect's: the record knows only that the stage was interrupted
        minutes = session.loaded.settings.orchestration.timeout_minutes
        late = UnavailableError(
            f"The stage {stage.name} took longer than {minutes:g} minutes.",
            remedy="Look at its log; run again, or raise orchestration.timeout_minutes.",
        )
        session.record.stages[-1].error = str(late)
        raise late from None


def _task_of(stage: Stage, session: Session) -> Task[[], State[Any]]:
    wish = session.loaded.settings.orchestration
    retries = min(wish.retries, MOST_RETRIES)

    def work() -> State[Any]:
        record = session.run_stage(stage)
        show_result_of(stage.name, session.loaded)
        if record.outcome == "skipped":
            return Completed(name="Skipped", message="Nothing that it depends on has changed.")
        told = ", ".join(f"{name} {n:,}" for name, n in record.rows.items() if n)
        return Completed(message=told or None)

    return Task(
        work,
        name=stage.name,
        task_run_name=stage.name,
        description=stage.says,
        tags=[stage.part],
        retries=retries,
        retry_delay_seconds=[wish.retry_wait_s * 2**n for n in range(retries)],
        retry_condition_fn=_may_help,
        timeout_seconds=60 * wish.timeout_minutes,
        cache_policy=NO_CACHE,  # the lake knows what is done
        persist_result=False,
    )


def _may_help(_task: object, _run: object, state: State[Any]) -> bool:
    """Tell whether trying again may help: where something outside did not answer."""
    return isinstance(state.result(raise_on_failure=False), UnavailableError)


@contextmanager
def _logs_shown() -> Iterator[None]:
    """Show in Prefect what is logged inside."""
    handler = _ToPrefect()
    logger = logging.getLogger(ROOT)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _ToPrefect(logging.Handler):
    """Hands events to the log of the task that runs; those of other threads to the flow's."""

    def __init__(self) -> None:
        super().__init__()
        self.flow_log = get_run_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand an event over."""
        try:
            logger = get_run_logger()
        except MissingContextError:
            logger = self.flow_log
        logger.log(record.levelno, "%s", record.getMessage())


def main(settings: str = "", *only: str) -> None:
    """Run the flow once; on a Prefect server if PREFECT_API_URL names one, else without."""
    file = Path(settings).resolve().as_posix() if settings else ""
    try:
        named_server()  # in two lines if it does not answer
        with tags(lake_tag(load_settings(Path(file) if file else None))):
            recomart(file, list(only))
    except RecomartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main(*sys.argv[1:])
