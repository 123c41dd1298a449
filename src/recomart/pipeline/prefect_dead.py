"""Flow runs that died without a word: whoever holds the lake's lease knows that they are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from recomart.log import StageLog

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

ALIVE = [StateType.RUNNING, StateType.CANCELLING]
MESSAGE = "Its process is gone: another run got the lease of the lake. What it committed stays."


def bury_the_dead(client: SyncPrefectClient, tag: str, mine: UUID) -> None:
    """Set every other run that Prefect still takes to be writing this lake to Crashed.

    Under the lease, so none of them is at work. One that has ended its work, but has not yet said
    so, says so afterwards: Prefect lets a crashed run end properly.
    """
    of_this_lake = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag]),
        id=FlowRunFilterId(not_any_=[mine]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ALIVE)),
    )
    for run in client.read_flow_runs(flow_run_filter=of_this_lake):
        for task in client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
            task_run_filter=TaskRunFilter(
                state=TaskRunFilterState(type=TaskRunFilterStateType(any_=ALIVE))
            ),
        ):
            client.set_task_run_state(task.id, Crashed(message=MESSAGE), force=True)
        client.set_flow_run_state(run.id, Crashed(message=MESSAGE))  # unless it ended meanwhile
        StageLog("pipeline").warning("dead_flow_run_found", flow_run=run.name)
