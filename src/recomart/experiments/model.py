"""What the report of experiments says, as data: the content of `experiments.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, computed_field

Verdict = Literal["better", "worse", "open", "unsound"]


class _Part(BaseModel, frozen=True, extra="forbid"):
    """A part of it."""


class Compared(_Part):
    """A variant against the control, by one metric.

    mean, control_mean  of a unit, as they are
    difference   of them, without the noise that what units did before explains
    low, high    of the difference, at all looks together; null: too few units yet
    p            always valid, for the same
    explained    share of the variance that was taken away
    units_needed, days_needed  from now on, to find the least effect worth finding; null: never, or
                 nobody knows yet
    """

    variant: str
    metric: str
    n: int
    mean: float
    control_mean: float
    difference: float
    low: float | None
    high: float | None
    p: float
    explained: float
    verdict: Verdict
    units_needed: int | None
    days_needed: float | None

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The difference and its interval as shares of the control; None where it has none."""
        if not self.control_mean or self.low is None or self.high is None:
            return None
        low, high = self.low / self.control_mean, self.high / self.control_mean
        return self.difference / self.control_mean, low, high


class Seen(_Part):
    """What became of one variant.

    units    that saw a list; of them `counted`, whose time is over
    astray   share of its lists that another model made, as its own failed
    """

    name: str
    number: int
    share: float
    units: int
    counted: int
    lists: int
    astray: float
    stopped_us: int | None
    why: str


class Breach(_Part):
    """A guardrail that a variant broke, and that stopped it."""

    variant: str
    says: str


class Result(_Part, extra="ignore"):  # what it `says` is written, and made anew when read
    """One experiment.

    ratio_p   p of the sample-ratio check
    is_sound  whether anything can be concluded
    is_whole  lists are kept from its beginning on
    compared  by variant and metric; the experiment's own metric comes first
    """

    name: str
    description: str
    unit: str
    metric: str
    level: float
    window_days: float
    started_us: int
    ended_us: int | None
    why: str
    variants: tuple[Seen, ...]
    ratio_p: float
    is_sound: bool
    is_whole: bool
    compared: tuple[Compared, ...] = ()
    breaches: tuple[Breach, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def says(self) -> str:
        """What follows, in a sentence."""
        if not self.is_whole:
            return (
                "It began before the first list that is kept (`monitoring.keep_days`): nothing "
                "can be concluded."
            )
        if not self.is_sound:
            return (
                "The variants have not the numbers of units that chance should have given them: "
                "units are lost on the way, so nothing can be concluded."
            )
        told = [one for one in self.compared if one.metric == self.metric]
        return " ".join(_sentence(one) for one in told) or "No unit saw a list yet."


class Report(_Part):
    """All experiments, those that run first."""

    schema_version: Literal[1] = 1
    project: str
    analysed_us: int
    experiments: tuple[Result, ...]


def _sentence(one: Compared) -> str:
    if one.verdict in ("better", "worse"):
        return f"{one.variant} is {one.verdict} than the control by {one.metric}."
    if one.low is None:
        return f"{one.variant}: too few units yet."
    if one.days_needed is None:
        return f"{one.variant}: nothing found yet."
    wait = f"about {one.days_needed:.1f} days" if one.days_needed else "no"
    return f"{one.variant}: nothing found yet; {wait} more for the least effect worth finding."
