"""A change made by hand to what is in force: a run of its own, so that it is on record and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.lake import Making
from recomart.pipeline.record import StageRecord
from recomart.pipeline.runner import open_session, written_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.lake import Lake, Manifest
    from recomart.settings import Loaded


def change(
    loaded: Loaded, stage: str, dataset: str, do: Callable[[Lake, Making], Manifest], why: str
) -> Manifest:
    """Let something be done under the lease, as the only stage of a run; return what it gave.

    stage    what the record calls it
    dataset  whose new version the change is
    do       makes the change, and gives a version that it was made from

    Raises LakeBusyError, and what `do` raises.
    """
    with open_session(loaded, why=why) as session:
        record = StageRecord(stage=stage, started_at=written_now())
        session.record.stages.append(record)
        made_from = do(session.lake, Making(key="", stage=stage, run_id=session.record.run_id))
        made = session.lake.latest(dataset)
        record.inputs = {made_from.name: made_from.version}
        record.outputs, record.made = {made.name: made.version}, [made.name]
        record.outcome = "done"
    return made_from
