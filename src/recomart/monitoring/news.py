"""Time and events that passed since the model learned."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from recomart.monitoring.reason import Reason
from recomart.monitoring.since import EVENTS
from recomart.vocabulary import DAY_US, SECOND_US

if TYPE_CHECKING:
    from recomart.monitoring.since import Since

AGE, NEW_EVENTS = "age", "new_events"


def age(since: Since, threshold: float) -> Reason:
    """Hold the age of the model, in days, against the schedule; one of the future is 0."""
    born_at = since.published.created_at
    born_us = datetime.fromisoformat(born_at).timestamp() * SECOND_US
    days = (since.bench.now_us - born_us) / DAY_US
    says = f"published {born_at}"
    if days < 0:
        since.bench.log.warning("clock_went_back", published_at=born_at)
        says += ", which is in the future: a clock went back"
    return Reason.of(AGE, max(days, 0.0), threshold, says)


def new_events(since: Since, threshold: float) -> Reason:
    """Count events that came or went, as a share of those that the model learned from."""
    lake = since.bench.lake
    then, now = lake.version(EVENTS, since.learned), lake.latest(EVENTS)
    before, after = (
        {day: file.rows for day, file in one.by_partition().items()} for one in (then, now)
    )
    changed = {day: after.get(day, 0) - before.get(day, 0) for day in {*before, *after}}
    n_changed = sum(map(abs, changed.values()))
    days = sum(n != 0 for n in changed.values())
    return Reason.of(
        NEW_EVENTS,
        n_changed / max(then.rows, 1),
        threshold,
        f"{n_changed:,} beside {then.rows:,}, of {days} days",
    )
