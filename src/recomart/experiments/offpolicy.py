"""Off-policy estimates: what another policy would have earned, judged from what one did.

Of each round there is what was shown, with which probability (p), and what it earned (r); the other
policy would have shown the same with probability q. With w = q / p:

    IPS    mean(w r): unbiased where p is right and positive wherever q is; of large variance
    SNIPS  sum(w r) / sum(w): a little biased, of far smaller variance
    DR     mean(m(target) + w (r - m(shown))): right if either p or the model m of r is

Horvitz and Thompson, JASA 47, 1952; Swaminathan and Joachims, "The Self-Normalized Estimator for
Counterfactual Learning", NeurIPS 2015; Dudík, Langford and Li, "Doubly Robust Policy Evaluation and
Learning", ICML 2011.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Z = 1.959964
"""Two-sided 95 %."""


class Estimate(BaseModel, frozen=True, extra="forbid"):
    """An estimate of what a policy earns a round, with its 95 % interval.

    n          rounds
    effective  as many rounds of the policy itself would tell as much: sum(w)² / sum(w²)
    largest    of the weights
    """

    method: str
    value: float
    low: float
    high: float
    n: int
    effective: float
    largest: float


def weights(logged: Numbers, target: Numbers, most: float | None = None) -> Numbers:
    """Return the weight of each round; `most` cuts them off, for less variance and some bias.

    logged, target  probabilities of what was shown, shape (n,)

    Raises BadInputError where a probability is none, or something was shown that could not be.
    """
    for name, given, least in (("logged", logged, 0), ("target", target, -1)):
        if not len(given) or np.isnan(given).any() or (given <= least).any() or (given > 1).any():
            above = "above 0" if least == 0 else "0"
            raise BadInputError(
                f"A {name} propensity is not a probability from {above} up to 1.",
                remedy="Look at the log: each round wants the probability with which it was shown.",
            )
    w = target / logged
    return w if most is None else np.minimum(w, most)


def ips(rewards: Numbers, w: Numbers) -> Estimate:
    """Estimate by inverse propensity scoring."""
    return _estimate("IPS", w * rewards, w)


def snips(rewards: Numbers, w: Numbers) -> Estimate:
    """Estimate by self-normalised inverse propensity scoring; its interval by the delta method."""
    total = w.mean()
    if not total:
        return _estimate("SNIPS", np.full(len(w), np.nan), w)
    value = float((w * rewards).mean() / total)
    return _estimate("SNIPS", value + w * (rewards - value) / total, w)


def doubly_robust(rewards: Numbers, w: Numbers, shown: Numbers, target: Numbers) -> Estimate:
    """Estimate doubly robustly.

    shown   what a model expects of what was shown, shape (n,)
    target  what it expects of the policy: the mean over what the policy would show, shape (n,)

    The model must not have learned from the rounds that it is asked about.
    """
    return _estimate("DR", target + w * (rewards - shown), w)


def _estimate(method: str, terms: Numbers, w: Numbers) -> Estimate:
    n, squares = len(terms), float((w * w).sum())
    value = float(terms.mean())
    half = Z * float(terms.std(ddof=1)) / n**0.5 if n > 1 else float("inf")
    return Estimate(
        method=method,
        value=value,
        low=value - half,
        high=value + half,
        n=n,
        effective=float(w.sum()) ** 2 / squares if squares else 0.0,
        largest=float(w.max()),
    )
