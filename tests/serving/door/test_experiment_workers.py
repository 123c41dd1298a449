"""Experiments in several workers: each gives a user the same variant, and all follow a stop."""

import os
import shutil
import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from recomart.lake import open_lake
from recomart.pipeline import experiments, run
from recomart.settings import load_settings
from tests.serving.door.workers import served, workers_of

USERS = [f"visitor{n}" for n in range(40)]
SHARES = {"old": 0.4, "new": 0.3, "other": 0.3}
TRIAL = {"variants": {name: {"share": share} for name, share in SHARES.items()}}
FLAGS = {("experiments", "tests"): {"trial": TRIAL}}


@pytest.fixture
def shop(trained, tmp_path):
    """A shop with a started experiment of three variants, which differ in their names only."""
    folder = shutil.copytree(trained, tmp_path / "shop")
    experiments.start(load_settings(folder, environment={}, flags=FLAGS), "trial", "test")
    return folder


@contextmanager
def asleep(worker):
    """Let a worker hold still, so that the other one answers."""
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def lists(ask):
    """What each user is given."""
    body = {"n_items": 2}
    return {
        user: ask("POST", "/recommendations", json={**body, "user_id": user}).json()
        for user in USERS
    }


def of_each(process, ask):
    """What each worker gives each user."""
    found = []
    for other in workers_of(process.pid):
        with asleep(other):
            found.append(lists(ask))
    return found


def variants(given):
    return {user: one["variant"] for user, one in given.items()}


def in_the_lake(folder):
    """How many lines of each list arrived."""
    loaded = load_settings(folder, environment={})
    run(loaded, ["drain"])
    lake = open_lake(loaded)
    import pyarrow.parquet as pq

    paths = lake.paths(lake.latest("exposures").files)
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return Counter(row["recommendation_id"] for row in rows), {
        row["recommendation_id"]: row["variant"] for row in rows
    }


def test_all_workers_give_the_same_variants_once_and_stop_together(shop):
    with served(shop, "--workers", "2") as (process, ask):
        one, other = of_each(process, ask)
        given = [*one.values(), *other.values()]
        time.sleep(0.5)  # until every worker has written what it showed
        n_lines, of = in_the_lake(shop)
        experiments.stop(load_settings(shop, environment={}, flags=FLAGS), "trial", "new", "bad")
        time.sleep(0.5)  # five times `serving.reload_s`
        after = of_each(process, ask)
        time.sleep(0.5)  # as above: what follows is a kill -9

    n_after, _ = in_the_lake(shop)
    assert variants(one) == variants(other)
    assert set(variants(one).values()) == set(SHARES)
    assert of == {one["recommendation_id"]: one["variant"] for one in given}
    assert set(n_lines.values()) == {2}  # the two items of a list, once
    assert {name: n_after[name] for name in n_lines} == n_lines
    assert len(n_after) == 4 * len(USERS)
    for each in after:
        stayed = {user: name if name != "new" else None for user, name in variants(one).items()}
        assert variants(each) == stayed
