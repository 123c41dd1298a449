"""Who is told of runs that ended: tracking, lineage. What cannot be told now is told later.

A run is told from its record and the manifests that it names, all of which stay in the lake; so
nothing is lost while a server is down, or before its library is installed. Which runs a follower
knows is marked in the lake, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from recomart.errors import MissingExtraError, RecomartError
from recomart.log import StageLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from recomart.lake import Lake
    from recomart.pipeline.record import RunRecord
    from recomart.pipeline.runs import Runs
    from recomart.settings import Loaded

    Tell = Callable[[Loaded, Lake, Sequence[RunRecord]], Iterator[str]]
    """Tells of runs, oldest first, and yields the id of each that is known from now on."""

TOLD = "told"


@dataclass(frozen=True)
class Follower:
    """Somebody who is told.

    function  where it is, ``module:name``; a `Tell`. It may be told of a run twice
    """

    name: str
    function: str

    def load(self) -> Tell:
        """Import the function; only now, so that a door stays light."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]


FOLLOWERS: tuple[Follower, ...] = (
    Follower("tracking", "recomart.pipeline.tracking:tell"),
    Follower("lineage", "recomart.pipeline.openlineage:tell"),
)


@dataclass(frozen=True)
class Told:
    """How telling a follower went."""

    follower: str
    told: int
    waiting: int
    cause: str | None = None


def tell_followers(loaded: Loaded, runs: Runs) -> list[Told]:
    """Tell each follower what it does not know yet; never raises for what it cannot do."""
    return [_tell(follower, loaded, runs) for follower in FOLLOWERS]


def _tell(follower: Follower, loaded: Loaded, runs: Runs) -> Told:
    log = StageLog(follower.name)
    lake, n_told, cause, new = runs.lake, 0, None, []
    try:
        known = {key.rpartition("/")[2] for key in lake.objects.keys(f"{TOLD}/{follower.name}")}
        unknown = [runs.read(run_id) for run_id in runs.ids() if run_id not in known]
        new = [run for run in unknown if run.has_ended and run.is_news]
        if new:
            for run_id in follower.load()(loaded, lake, new):
                lake.objects.put_if_absent(f"{TOLD}/{follower.name}/{run_id}", b"")
                n_told += 1
    except MissingExtraError as error:
        cause = error.cause
    except Exception as error:  # noqa: BLE001 -- of a library; the run has ended, and stands
        cause = error.cause if isinstance(error, RecomartError) else repr(error)
        log.warning("runs_not_told", waiting=len(new) - n_told, cause=cause)
    return Told(follower.name, n_told, len(new) - n_told, cause)
