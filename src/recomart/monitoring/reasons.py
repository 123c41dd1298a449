"""All reasons to retrain, measured one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.errors import BadInputError, MissingExtraError, NotFoundError
from recomart.monitoring.clicks import click_fall
from recomart.monitoring.drift import feature_drift
from recomart.monitoring.news import age, new_events
from recomart.monitoring.predictions import prediction_drift
from recomart.monitoring.quality import quality_fall
from recomart.monitoring.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recomart.monitoring.since import Since

    Measure = Callable[[Since, float], Reason]

MEASURES: dict[str, tuple[str, Measure]] = {
    "age": ("max_age_days", age),
    "new_events": ("new_events_share", new_events),
    "features": ("max_feature_psi", feature_drift),
    "predictions": ("max_prediction_psi", prediction_drift),
    "quality": ("max_quality_drop", quality_fall),
    "clicks": ("max_click_drop", click_fall),
}
"""Reason → the setting that holds its threshold, and what measures it; the cheapest first."""


CANNOT = (BadInputError, NotFoundError, MissingExtraError)
"""What keeps a reason from being measured, and harms no other."""


def reasons_to_retrain(since: Since) -> Iterator[Reason]:
    """Measure each reason; one that cannot be measured has no verdict, and harms no other."""
    for name, (setting, measure) in MEASURES.items():
        threshold = getattr(since.settings, setting)
        if threshold is None:
            yield Reason.silent(name, None, f"switched off: retraining.{setting} is null")
            continue
        try:
            yield measure(since, threshold)
        except CANNOT as error:
            yield Reason.silent(name, threshold, f"cannot be measured: {error.cause}")
