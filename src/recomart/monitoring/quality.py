"""Online quality: whether people do what the champion would have shown them.

Its lists as of its publishing are held to what users did since. The hit rate depends on how long
one waits, so it is compared with what the same models, as they were judged, reached in a stretch
of the test window that is as long: the two differ in nothing but the time.

It judges what people did by themselves; what they did with lists that were shown is told by
`recomart.monitoring.online`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recomart.errors import BadInputError
from recomart.evaluation.bootstrap import Interval, interval
from recomart.evaluation.metrics import ranking_metrics
from recomart.monitoring.answers import Answerer
from recomart.monitoring.reason import Reason
from recomart.ranking.questions import ask, known_at
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from pydantic import JsonValue

    from recomart.monitoring.since import Since

NAME = "quality"
K = 10
LEAST_USERS = 30
"""Fewer users with something to find give no verdict."""


def quality_fall(since: Since, threshold: float) -> Reason:
    """Hold the hit rate of now against that of the test window."""
    if not since.is_news:
        return Reason.silent(NAME, threshold, "nothing happened since")
    model, judged = since.model, Answerer.evaluated(since.bench.lake, since.published)
    length_us = max(0, min(since.now_us - model.at_us, model.at_us - judged.at_us))
    now = hit_rate(since, model, since.now_us - length_us, length_us)
    then = hit_rate(since, judged, judged.at_us, length_us)
    return _verdict(now, then, length_us / DAY_US, threshold)


def hit_rate(since: Since, answerer: Answerer, from_us: int, length_us: int) -> Interval:
    """Return the hit rate@10 of lists as of the models' moment, on what was done in a stretch."""
    bench, settings = since.bench, since.bench.settings
    ours = answerer.over(since.events)
    known = replace(known_at(ours, answerer.at_us, settings), now_us=from_us)
    try:
        most = settings.retraining.sample_users
        question = ask(ours, known, from_us + length_us, settings.evaluation, most)
    except BadInputError:  # nobody did anything
        return Interval(mean=None, low=None, high=None, n_users=0)
    top = answerer.lists(bench, ours, question, answerer.at_us, K)
    hits = ranking_metrics(top.items, question.relevant, [K])[f"hit_rate@{K}"]
    return interval(hits, settings.evaluation.bootstrap, settings.evaluation.seed)


def _verdict(now: Interval, then: Interval, days: float, threshold: float) -> Reason:
    """Tell whether the hit rate fell by more than the threshold, and by more than chance."""
    n_users = min(now.n_users, then.n_users)
    if n_users < LEAST_USERS or now.mean is None or now.high is None or not then.mean:
        told = f"only {n_users} users" if n_users < LEAST_USERS else "no hits in the test window"
        return Reason.silent(NAME, threshold, f"{told} to judge by in {days:.1f} days")
    fall = 1 - now.mean / then.mean
    says = f"HR@{K} {now.written()}, was {then.written()}, in {days:.1f} days"
    details: dict[str, JsonValue] = {
        "now": now.model_dump(),
        "test_window": then.model_dump(),
        "days": days,
    }
    reason = Reason.of(NAME, fall, threshold, says, details)
    if reason.verdict and now.high >= then.mean:
        return reason.model_copy(update={"verdict": None, "says": f"{says}: may be chance"})
    return reason
