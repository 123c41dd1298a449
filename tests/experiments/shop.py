"""A lake with two published models, a started experiment, and visitors who saw its lists."""

import numpy as np

from recomart.experiments import changes
from recomart.lake import Draft
from recomart.ranking.assignment import place_of, unpacked
from recomart.settings import Settings
from recomart.vocabulary import DAY_US, HOUR_US
from tests.monitoring.lists import MAKING, did, lines, write

HALVES = {"old": {"share": 0.5, "model": 1}, "new": {"share": 0.5, "model": 2}}


def settings(**declared):
    """Settings with one experiment, `trial`."""
    tests = {"trial": {"variants": HALVES, "before_days": 0, **declared}}
    return Settings.model_validate({"project": "P", "experiments": {"tests": tests}})


def publish(lake, n=2):
    """Publish models that nobody loads."""
    for number in range(1, n + 1):
        draft = Draft(lake, "published_model")
        draft.add_bytes("model.json", f"{number}".encode())
        draft.commit(MAKING, details={"model": f"m{number}"})


def start(bench, name="trial", days_ago=10):
    """Start an experiment of the settings, some days ago."""
    at_us = bench.now_us - days_ago * DAY_US
    one = changes.started(bench.loaded, bench.lake, name, at_us, "test")
    changes.put(bench.lake, MAKING, one)
    return one


def owners(experiment):
    """The variant of each bucket."""
    return {b: variant for variant in experiment.variants for b in unpacked(variant.buckets)}


def variant_of(experiment, user, by_bucket=None):
    """The variant that a user sees, and their code."""
    bucket, code = place_of(experiment.salt, experiment.declared.unit, user)
    return (by_bucket or owners(experiment))[bucket], code


def seen(experiment, user, at_us, name=None, by_bucket=None):
    """A list that a user saw, as exposures."""
    variant, code = variant_of(experiment, user, by_bucket)
    told = {
        "experiment": experiment.name,
        "variant": variant.name,
        "unit": code,
        "propensity": variant.share,
        "model_version": variant.version,
    }
    return [{**line, **told} for line in lines(name or f"r-{user}-{at_us}", "mug pen", at_us)]


def visited(bench, experiment, rates, n=1_200, seed=5, lost=0.0):
    """Let users come over the days, each for one list; a share by variant clicks it.

    lost  share of the visitors of the last variant whose lists never arrive
    """
    rng = np.random.default_rng(seed)
    shown, events, by_bucket = [], [], owners(experiment)
    span_us = bench.now_us - 2 * DAY_US - experiment.started_us
    for number in range(n):
        user, at_us = f"user{number}", experiment.started_us + span_us * number // n
        variant, _ = variant_of(experiment, user, by_bucket)
        if variant is experiment.variants[-1] and rng.random() < lost:
            continue
        rows = seen(experiment, user, at_us, by_bucket=by_bucket)
        shown += rows
        if rng.random() < rates[variant.name]:
            events.append(
                {**did(rows[0]["recommendation_id"], "mug", "click", at_us + 9), "user_id": user}
            )
    events.append(did(None, "mug", "view", bench.now_us - HOUR_US))  # all is known until then
    write(bench, shown, events)
