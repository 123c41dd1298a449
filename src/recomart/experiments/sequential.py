"""Always-valid intervals: they hold at all looks together, however often one looks.

A difference of means whose variance is V has, under a normal mixture N(0, t) over the true one, the
likelihood ratio

    L(d) = sqrt(V / (V + t)) exp(t d² / (2 V (V + t)))

which is a martingale where there is no difference, so that it ever reaches 1/alpha with probability
alpha at most (Ville). All differences that it does not refute are the interval

    d ± sqrt(V (V + t) / t (2 log(1/alpha) + log((V + t) / V)))

Johari, Koomen, Pekelis and Walsh, "Peeking at A/B Tests", KDD 2017, and "Always Valid Inference",
Operations Research 70, 2022 (mSPRT); Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
Nonparametric, Nonasymptotic Confidence Sequences", Annals of Statistics 49, 2021. With estimated
variances it holds as samples grow: Waudby-Smith et al., "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52, 2024; hence `LEAST_UNITS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isfinite, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEAST_UNITS = 100
"""Of each variant, before anything is said: below, a mean is not yet normal."""
POWER_Z = 0.8416
"""A true difference is found with a probability of 80 %."""
FAR = 1e12
"""Units beyond which nobody waits."""


def mixture(planned_variance: Numbers | float, alpha: float) -> Numbers | float:
    """Return the variance t of the mixture that makes the interval narrowest at a variance V.

    It may depend on what is planned, not on what was found.
    """
    a = -2 * log(alpha)
    return planned_variance * (a + log(a + 1))


def half_width(
    variance: Numbers | float, planned_variance: Numbers | float, alpha: float
) -> Numbers | float:
    """Return the half-width of the interval around a difference of a variance."""
    t = mixture(planned_variance, alpha)
    total = variance + t
    width = variance * total / t * (2 * log(1 / alpha) + np.log(total / variance))
    return np.sqrt(width)


def p_value(difference: float, variance: float, planned_variance: float, alpha: float) -> float:
    """Return the always-valid p: the least level at which the interval leaves out zero."""
    t = float(mixture(planned_variance, alpha))
    total = variance + t
    exponent = t * difference**2 / (2 * variance * total) + log(variance / total) / 2
    return min(1.0, exp(-min(exponent, 700.0)))


@dataclass(frozen=True)
class Sample:
    """The outcomes of one variant: how many units, their mean and their variance."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Numbers) -> Sample:
        """Sum up outcomes, one a unit."""
        n = len(values)
        return cls(
            n, float(values.mean()) if n else 0.0, float(values.var(ddof=1)) if n > 1 else 0.0
        )


@dataclass(frozen=True)
class Difference:
    """What a variant differs by from the control, at all looks together.

    low, high  infinite before there are `LEAST_UNITS` of both
    """

    difference: float
    low: float
    high: float
    p: float


def compare(treatment: Sample, control: Sample, planned_units: int, alpha: float) -> Difference:
    """Compare two means.

    planned_units  of both together, at which the interval is narrowest
    """
    difference = treatment.mean - control.mean
    variance, planned = _variances(treatment, control, planned_units)
    if min(treatment.n, control.n) < LEAST_UNITS or not variance:
        return Difference(difference, -inf, inf, 1.0)
    half = float(half_width(variance, planned, alpha))
    p = p_value(difference, variance, planned, alpha)
    return Difference(difference, difference - half, difference + half, p)


def units_needed(
    treatment: Sample, control: Sample, effect: float, planned_units: int, alpha: float
) -> float:
    """Return how many units it takes, of both together, to find a true difference of `effect`.

    With a probability of 80 %, at the latest then; infinite where that cannot be told.
    """
    variance, planned = _variances(treatment, control, planned_units)
    n = treatment.n + control.n
    if not variance or effect <= 0:
        return inf

    def finds(units: float) -> bool:
        then = variance * n / units
        return float(half_width(then, planned, alpha)) + POWER_Z * sqrt(then) <= effect

    return _least(finds)


def _least(finds: Callable[[float], bool]) -> float:
    low, high = 2.0, 4.0
    while not finds(high):
        low, high = high, high * 2
        if high > FAR:
            return inf
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high if isfinite(high) else inf


def _variances(one: Sample, other: Sample, planned_units: int) -> tuple[float, float]:
    """Return the variance of the difference, now and at as many units as are planned."""
    if not one.n or not other.n:
        return 0.0, 0.0
    variance = one.variance / one.n + other.variance / other.n
    return variance, variance * (one.n + other.n) / planned_units
