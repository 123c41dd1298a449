"""Experiments: what is tried on whom, how it is judged, and what stops it."""

from __future__ import annotations

from itertools import combinations
from math import isclose
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from recomart.settings.rules import RuleOverrides
from recomart.settings.views import Name, Section

Unit = Literal["user", "session"]
Metric = Literal["clicked", "to_cart", "bought", "purchases"]
PublishedName = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Field(pattern=r"^(champion|challenger|[1-9][0-9]*)$"),
]
Part = Annotated[float, Field(ge=0, le=1)]


class DeclaredVariant(Section):
    """What the units of one variant see."""

    model: PublishedName = Field(
        "champion",
        description="published model: its number, or an alias; fixed when the experiment starts",
    )
    share: float = Field(gt=0, le=1, description="of the experiment's units")
    rules: RuleOverrides = RuleOverrides()


class Guardrails(Section):
    """What stops a variant by itself; null, or no word: nothing does."""

    max_drop: dict[Metric, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default={},
        description="by metric, the fall below the control, as a share of it, that is borne; it "
        "counts once the whole interval lies beyond",
    )
    max_failed: float | None = Field(
        0.05, gt=0, lt=1, description="share of a variant's lists that fail; the service sees to it"
    )
    max_ms: float | None = Field(
        None, gt=0, description="that 19 of 20 lists of a variant take; the service sees to it"
    )


class DeclaredExperiment(Section):
    """An A/B test; the first variant is the control, which others are held against."""

    variants: dict[Name, DeclaredVariant] = Field(min_length=2, description="name → what is seen")
    layer: Name = Field("main", description="the part of all units that it may take from")
    share: float = Field(1.0, gt=0, le=1, description="of the layer's units that take part")
    unit: Unit = Field("user", description="what keeps its variant: a user, or a session")
    metric: Metric = Field(
        "clicked",
        description="that it is judged by, of a unit: did so with a line of its lists (clicked, "
        "to_cart, bought), or how often it bought anything (purchases)",
    )
    window_days: float = Field(
        1.0, gt=0, description="from a unit's first list on, what it does in so many days counts"
    )
    level: float = Field(0.95, gt=0.5, lt=1, description="of the intervals, at all looks together")
    least_effect: float = Field(
        0.1, gt=0, description="the least difference worth finding, as a share of the control"
    )
    planned_units: int = Field(
        10_000, ge=200, description="for which intervals are made as narrow as they can be"
    )
    before_days: float = Field(
        28.0, ge=0, description="before a unit's first list, that explain what it does after; 0: no"
    )
    guardrails: Guardrails = Guardrails()
    description: str = Field("", description="a sentence on what is asked")

    @model_validator(mode="after")
    def _add_up(self) -> DeclaredExperiment:
        total = sum(variant.share for variant in self.variants.values())
        if not isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"the shares of its variants add up to {total:.6g}, not to 1")
        return self


class ExperimentSettings(Section):
    """Experiments that may be started, and the layers that they take their units from."""

    layers: dict[Name, tuple[Part, Part]] = Field(
        default={"main": (0.0, 1.0)},
        description="name → from and up to which part of all units; layers share no unit",
    )
    tests: dict[Name, DeclaredExperiment] = Field(default={}, description="name → experiment")

    @model_validator(mode="after")
    def _lie_apart(self) -> ExperimentSettings:
        for name, (low, high) in self.layers.items():
            if low >= high:
                raise ValueError(f"the layer {name} ends at {high:g}, where it begins or before")
        for (one, (low, high)), (other, (from_, to)) in combinations(self.layers.items(), 2):
            if max(low, from_) < min(high, to):
                raise ValueError(f"the layers {one} and {other} overlap")
        for name, test in self.tests.items():
            if test.layer not in self.layers:
                known = ", ".join(self.layers) or "none"
                raise ValueError(f"{name} names the layer {test.layer}; there is {known}")
        return self
