"""What the dashboard reads of A/B tests: which were started, and what the report found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from recomart.dashboard.records import Read

Moment = Annotated[int, Field(ge=0, lt=253_402_300_800_000_000)]
"""Microseconds since 1970, before the year 10000, which no calendar of ours knows."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Guardrails(Read):
    """What stops a variant by itself."""

    max_drop: dict[str, Share]
    max_failed: Share | None
    max_ms: Number | None


class Declared(Read):
    """What an experiment was declared as."""

    description: str = ""
    unit: str
    metric: str
    window_days: Number
    guardrails: Guardrails


class StartedVariant(Read):
    """A variant that was started; rules of its own, where it has any."""

    name: str
    number: int
    share: Share
    rules: dict[str, Any]
    stopped_us: Moment | None
    why: str = ""

    @property
    def own_rules(self) -> list[str]:
        """The names of the rules that it has of its own."""
        return [name for name, value in self.rules.items() if value is not None]


class Started(Read):
    """An experiment that was started; the first variant is the control."""

    name: str
    declared: Declared
    started_us: Moment
    ended_us: Moment | None
    why: str = ""
    variants: tuple[StartedVariant, ...] = Field(min_length=2)

    @property
    def is_running(self) -> bool:
        """Whether it gives out variants."""
        return self.ended_us is None


class AllStarted(Read):
    """``experiments.json`` of the data set `experiments`; the oldest first."""

    experiments: tuple[Started, ...]


class Compared(Read):
    """A variant against the control, by one metric; null: too few units, or nobody knows yet."""

    variant: str
    metric: str
    mean: Number
    control_mean: Number
    difference: Number
    low: Number | None
    high: Number | None
    p: Number
    explained: Number
    verdict: Literal["better", "worse", "open", "unsound"]
    units_needed: int | None
    days_needed: Number | None

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """The difference and its interval as shares of the control; None where it has none."""
        if not self.control_mean or self.low is None or self.high is None:
            return None
        low, high = self.low / self.control_mean, self.high / self.control_mean
        return self.difference / self.control_mean, low, high


class Seen(Read):
    """What became of a variant."""

    name: str
    units: int
    counted: int
    lists: int
    astray: Share


class Found(Read):
    """What the report says of one experiment."""

    name: str
    says: str
    metric: str
    level: Share
    variants: tuple[Seen, ...]
    ratio_p: Share
    is_sound: bool
    is_whole: bool
    compared: tuple[Compared, ...]

    @property
    def is_lopsided(self) -> bool:
        """Whether units are lost on the way of one variant."""
        return self.is_whole and not self.is_sound

    def by_main_metric(self) -> list[Compared]:
        """Return the comparisons that it is judged by."""
        return [one for one in self.compared if one.metric == self.metric]


class Report(Read):
    """``experiments.json`` of the data set `experiment_report`."""

    analysed_us: Moment
    experiments: tuple[Found, ...]
