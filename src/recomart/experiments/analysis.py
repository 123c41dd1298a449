"""The analysis of one experiment: is it sound, what differs, what is still needed, what breaks."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from recomart.experiments.cuped import adjusted
from recomart.experiments.model import Breach, Compared, Result, Seen
from recomart.experiments.outcomes import METRICS
from recomart.experiments.ratio import LEAST_P, ratio_p
from recomart.experiments.sequential import Sample, compare, units_needed
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.experiments.model import Verdict
    from recomart.experiments.outcomes import Outcomes
    from recomart.ranking.experiments import Experiment, Variant

LEAST_LISTS = 100
"""Of a variant, before the share that failed says anything."""


def analysed(experiment: Experiment, found: Outcomes, now_us: int, kept_us: int) -> Result:
    """Analyse an experiment.

    kept_us  the moment from which on lists are kept; those of before are missing
    """
    p = _ratio(experiment, found)
    declared, is_whole = experiment.declared, experiment.started_us >= kept_us
    is_sound = p >= LEAST_P and is_whole
    metrics = sorted(METRICS, key=lambda metric: metric != declared.metric)
    compared = [
        _compared(experiment, found, place, metric, now_us, is_sound=is_sound)
        for metric in metrics
        for place in range(1, len(experiment.variants))
    ]
    return Result(
        name=experiment.name,
        description=declared.description,
        unit=declared.unit,
        metric=declared.metric,
        level=declared.level,
        window_days=declared.window_days,
        started_us=experiment.started_us,
        ended_us=experiment.ended_us,
        why=experiment.why,
        variants=tuple(_seen(found, p, one) for p, one in enumerate(experiment.variants)),
        ratio_p=p,
        is_sound=is_sound,
        is_whole=is_whole,
        compared=tuple(compared) if len(found.variants) else (),
        breaches=tuple(_breaches(experiment, found, compared)),
    )


def _seen(found: Outcomes, place: int, variant: Variant) -> Seen:
    is_its = found.variants == place
    n_lists = found.n_lists[place]
    return Seen(
        name=variant.name,
        number=variant.number,
        share=variant.share,
        units=int(is_its.sum()),
        counted=int((is_its & found.is_over).sum()),
        lists=n_lists,
        astray=found.n_astray[place] / n_lists if n_lists else 0.0,
        stopped_us=variant.stopped_us,
        why=variant.why,
    )


def _ratio(experiment: Experiment, found: Outcomes) -> float:
    """Check the ratio among units that came while all variants were given out."""
    stops = [v.stopped_us for v in experiment.variants if v.stopped_us is not None]
    came = found.variants[found.first_us < min(stops, default=2**62)]
    counts = np.bincount(came, minlength=len(experiment.variants))
    return ratio_p(counts.tolist(), [variant.share for variant in experiment.variants])


def _compared(
    experiment: Experiment,
    found: Outcomes,
    place: int,
    metric: str,
    now_us: int,
    *,
    is_sound: bool,
) -> Compared:
    """Compare a variant with the control, among units that came while both were given out."""
    declared, variant = experiment.declared, experiment.variants[place]
    came = found.is_over & np.isin(found.variants, (0, place))
    if variant.stopped_us is not None:
        came &= found.first_us < variant.stopped_us
    is_its, y = found.variants[came] == place, found.values[metric][came]
    rest, explained = adjusted(y, found.before[came], is_its.astype(np.int64))
    samples = Sample.of(rest[is_its]), Sample.of(rest[~is_its])
    alpha = (1 - declared.level) / (len(experiment.variants) - 1)  # Bonferroni, over variants
    difference = compare(*samples, declared.planned_units, alpha)
    control_mean = float(y[~is_its].mean()) if len(y[~is_its]) else 0.0
    effect = declared.least_effect * control_mean
    units = max(0.0, units_needed(*samples, effect, declared.planned_units, alpha) - len(y))
    is_told = isfinite(difference.low)
    verdict: Verdict = _verdict(difference.low, difference.high) if is_sound else "unsound"
    is_waiting = experiment.is_running and verdict == "open"
    days = _days(experiment, found.first_us[came], units, now_us)
    return Compared(
        variant=variant.name,
        metric=metric,
        n=samples[0].n,
        mean=float(y[is_its].mean()) if is_its.any() else 0.0,
        control_mean=control_mean,
        difference=difference.difference,
        low=difference.low if is_told else None,
        high=difference.high if is_told else None,
        p=difference.p,
        explained=explained,
        verdict=verdict,
        units_needed=round(units) if is_waiting and isfinite(units) else None,
        days_needed=days if is_waiting else None,
    )


def _verdict(low: float, high: float) -> Verdict:
    if low > 0:
        return "better"
    return "worse" if high < 0 else "open"


def _days(
    experiment: Experiment, first_us: NDArray[np.int64], units: float, now_us: int
) -> float | None:
    """Return how many days it takes until so many units more have come, at the pace so far."""
    days = (now_us - experiment.started_us) / DAY_US
    if not len(first_us) or days <= 0 or not isfinite(units):
        return None
    return units / (len(first_us) / days)


def _breaches(experiment: Experiment, found: Outcomes, compared: list[Compared]) -> list[Breach]:
    """Return the guardrails that variants broke which were not stopped yet."""
    rails = experiment.declared.guardrails
    if not experiment.is_running:
        return []
    told: dict[str, str] = {}
    for place, variant in enumerate(experiment.variants):
        n, astray = found.n_lists[place], found.n_astray[place]
        if rails.max_failed and n >= LEAST_LISTS and astray > rails.max_failed * n:
            told[variant.name] = f"{astray / n:.1%} of its {n:,} lists failed"
    for one in compared:
        most = rails.max_drop.get(one.metric)  # type: ignore[call-overload]
        if most is not None and one.high is not None and one.high < -most * one.control_mean:
            by = one.difference / one.control_mean
            told.setdefault(one.variant, f"{one.metric} fell by {-by:.1%}, more than {most:.1%}")
    stopped = {v.name for v in experiment.variants if v.stopped_us is not None}
    return [Breach(variant=v, says=s) for v, s in told.items() if v not in stopped]
