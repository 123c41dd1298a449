"""Experiments that were started: a data set of the lake, which the service follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from recomart.errors import NotFoundError
from recomart.lake import Draft
from recomart.settings import DeclaredExperiment, RuleOverrides

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.lake import Lake, Making, Manifest, Parent

EXPERIMENTS = "experiments"
FILE = "experiments.json"


class Variant(BaseModel, frozen=True, extra="forbid"):
    """A variant as it was started.

    number, version  of the published model
    share       of the experiment's units, as the buckets give it
    buckets     that it owns, see `assignment.packed`
    stopped_us  when it was stopped, by itself or by hand; its units see what all others see
    """

    name: str
    number: int
    version: str
    share: float
    rules: RuleOverrides
    buckets: str
    stopped_us: int | None = None
    why: str = ""


class Experiment(BaseModel, frozen=True, extra="forbid"):
    """An experiment as it was started; what the settings say later changes nothing of it.

    variants  the first is the control
    """

    name: str
    declared: DeclaredExperiment
    salt: str
    started_us: int
    variants: tuple[Variant, ...]
    ended_us: int | None = None
    why: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it assigns units."""
        return self.ended_us is None

    @property
    def control(self) -> Variant:
        """What the others are held against."""
        return self.variants[0]

    def variant(self, name: str) -> Variant:
        """Return a variant by its name. Raises NotFoundError."""
        found = {variant.name: variant for variant in self.variants}
        if name not in found:
            raise NotFoundError.of(f"variant of {self.name}", name, found)
        return found[name]


class Experiments(BaseModel, frozen=True, extra="forbid"):
    """All that were ever started, the oldest first."""

    experiments: tuple[Experiment, ...] = ()

    @property
    def running(self) -> tuple[Experiment, ...]:
        """Those that assign units."""
        return tuple(one for one in self.experiments if one.is_running)

    def one(self, name: str) -> Experiment:
        """Return one by its name. Raises NotFoundError."""
        found = {one.name: one for one in self.experiments}
        if name not in found:
            raise NotFoundError.of("started experiment", name, found)
        return found[name]

    def put(self, changed: Experiment) -> Experiments:
        """Return the same with one changed, or added."""
        others = {one.name: one for one in self.experiments} | {changed.name: changed}
        return Experiments(experiments=tuple(others.values()))


def read_experiments(lake: Lake) -> Experiments:
    """Return what was started."""
    manifest = lake.find(EXPERIMENTS)
    return Experiments() if manifest is None else experiments_in(lake, manifest)


def experiments_in(lake: Lake, manifest: Manifest) -> Experiments:
    """Return what a version of the data set holds."""
    return Experiments.model_validate_json(lake.read_file(manifest, FILE))


def write_experiments(
    lake: Lake, making: Making, state: Experiments, parents: Iterable[Parent] = ()
) -> Manifest:
    """Let a state be in force. Under the lease of the lake."""
    draft = Draft(lake, EXPERIMENTS)
    draft.add_bytes(FILE, state.model_dump_json(indent=1).encode())
    return draft.commit(making, parents, details={"running": [one.name for one in state.running]})
