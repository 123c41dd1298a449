"""Clicks: whether lists that are shown are still clicked as they were.

The share of lists with a click in the last days is held against the days before, whichever models
served. It falls for a reason only where chance does not explain it: the interval of now lies below
the share of then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.monitoring.online import online_quality
from recomart.monitoring.reason import Reason
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from recomart.monitoring.online import Online
    from recomart.monitoring.since import Since

NAME = "clicks"
LEAST_LISTS = 200
"""Fewer lists on either side give no verdict."""


def online(since: Since) -> Online | None:
    """Measure online quality, once."""
    return online_quality(since.bench)


def click_fall(since: Since, threshold: float) -> Reason:
    """Hold the share of clicked lists of now against that of before."""
    found, settings = since.once(online), since.bench.settings.monitoring
    if found is None:
        return Reason.silent(NAME, threshold, "no list was shown yet")
    today = since.bench.now_us // DAY_US
    first = today - settings.recent_days + 1
    now, then = found.lists(first, today), found.lists(today - settings.days, first - 1)
    if min(now.n, then.n) < LEAST_LISTS or now.share is None or not then.share:
        told = f"{now.n:,} lists in {settings.recent_days} days, {then.n:,} before"
        return Reason.silent(NAME, threshold, f"too few to judge by: {told}, {then.hits:,} clicked")
    says = f"clicked {now.written()} of {now.n:,} lists, was {then.written()} of {then.n:,}"
    details = {"now": now.model_dump(), "then": then.model_dump()}
    reason = Reason.of(NAME, 1 - now.share / then.share, threshold, says, {**details})
    if reason.verdict and now.high is not None and now.high >= then.share:
        return reason.model_copy(update={"verdict": None, "says": f"{says}: may be chance"})
    return reason
