"""The promotion gate: which model serves, and why.

A model takes another's place only if it is better by an interval that excludes zero, or no worse
and cheaper. Models stand in the order of their cost; the cheapest begins as the best, and each
that is clearly better than the best so far takes its place. The last one must beat the baselines,
and the champion that serves today, or the champion stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from recomart.evaluation.bootstrap import Interval, interval
from recomart.models.registry import MODELS
from recomart.ranking.cascade import NAME as CASCADE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from recomart.settings import EvaluationSettings

BASELINES = ("popularity", "cooccurrence")
COST_ORDER = (*MODELS, CASCADE)
"""From the cheapest to the most costly to fit and to answer with."""


class Step(BaseModel, frozen=True, extra="forbid"):
    """One comparison: the challenger less the one that it would replace."""

    challenger: str
    against: str
    difference: Interval
    replaces: bool
    why: str


class Decision(BaseModel, frozen=True, extra="forbid"):
    """What serves from now on."""

    serve: str
    champion: str | None
    is_promoted: bool
    says: str
    steps: tuple[Step, ...]


class Gate:
    """Compares models by the main metric of the same users."""

    def __init__(
        self, by_user: Mapping[str, NDArray[np.float64]], settings: EvaluationSettings
    ) -> None:
        self.by_user = by_user
        self.settings = settings
        self.order = [name for name in COST_ORDER if name in by_user]
        self.steps: list[Step] = []

    def decide(self, champion: str | None, wanted: str) -> Decision:
        """Return what is to serve; `wanted` is `models.serve`: a name, or auto.

        champion  the model that serves today, None if none does or it is not compared
        """
        best = self._best()
        champion = champion if champion in self.by_user else None
        serve, says = best, f"{best} is the best of what is clearly better than all cheaper ones."
        if champion is not None and champion != best:
            step = self._compare(best, champion)
            serve = best if step.replaces else champion
            says = f"{serve} serves: {step.why}."
        elif champion == best:
            says = f"{best}, which serves today, stays: nothing beats it."
        if wanted != "auto":
            told = "agrees" if serve == wanted else f"would have served {serve}"
            serve, says = (
                wanted,
                f"{wanted} serves because `models.serve` says so; the gate {told}.",
            )
        return Decision(
            serve=serve,
            champion=champion,
            is_promoted=serve != champion,
            says=says,
            steps=tuple(self.steps),
        )

    def _best(self) -> str:
        """Climb from the cheapest model to the best that is clearly better than those before."""
        best = self.order[0]
        for challenger in self.order[1:]:
            if self._compare(challenger, best).replaces:
                best = challenger
        for baseline in BASELINES:
            if baseline in self.by_user and baseline != best:
                step = self._compare(best, baseline)
                best = best if step.replaces else baseline
        return best

    def _compare(self, challenger: str, against: str) -> Step:
        """Tell whether a challenger takes the other's place."""
        for step in self.steps:
            if (step.challenger, step.against) == (challenger, against):
                return step
        found = interval(
            self.by_user[challenger] - self.by_user[against],
            self.settings.bootstrap,
            self.settings.seed,
        )
        is_cheaper = self.order.index(challenger) < self.order.index(against)
        if found.is_above_zero:
            why = f"{challenger} beats {against}"
        elif found.is_below_zero:
            why = f"{challenger} is worse than {against}"
        elif is_cheaper:
            why = f"{challenger} is no worse than {against}, and cheaper"
        else:
            why = f"{challenger} does not clearly beat {against}, and costs more"
        replaces = found.is_above_zero or (is_cheaper and not found.is_below_zero)
        step = Step(
            challenger=challenger, against=against, difference=found, replaces=replaces, why=why
        )
        self.steps.append(step)
        return step
