"""How a shop is, in a line: for whoever keeps several."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from recomart.errors import RecomartError
from recomart.lake import open_lake
from recomart.pipeline.runs import LAST, Runs
from recomart.ranking.aliases import find_champion
from recomart.sources.event_log import Drain

if TYPE_CHECKING:
    from recomart.lake import Lake
    from recomart.settings import Loaded


def state_of(loaded: Loaded) -> dict[str, Any]:
    """Tell what serves, since when, how many events wait to be brought in, and what is wrong."""
    told: dict[str, Any] = {"champion": None, "made_at": None, "events_waiting": None}
    try:
        lake = open_lake(loaded)
        champion = find_champion(lake)
        if champion:
            told["champion"] = f"{champion.number} ({champion.details['model']})"
            told["made_at"] = champion.created_at
        told["events_waiting"] = _waiting(loaded, lake)
        return {**told, "faults": None if champion else "no published model", **_last(loaded, lake)}
    except RecomartError as error:
        return {**told, "faults": error.cause}


def _waiting(loaded: Loaded, lake: Lake) -> int:
    """Count the events of event logs that no run has brought in yet, as far as a source would."""
    n = 0
    for name, source in loaded.settings.sources.items():
        if source.kind == "event_log":
            raw = lake.find(f"raw_{name}")
            with closing(Drain(loaded.path(source.path), raw.files if raw else ())) as drain:
                n += drain.last_seq - drain.after_seq
    return n


def _last(loaded: Loaded, lake: Lake) -> dict[str, str]:
    """Say what the last run fell over, if it did."""
    runs = Runs.of(loaded, lake)
    if not runs.ids():
        return {}
    record = runs.get(LAST)
    failed = [stage for stage in record.stages if stage.outcome == "failed"]
    return {"faults": f"{failed[0].stage} failed: {failed[0].error}"} if failed else {}
