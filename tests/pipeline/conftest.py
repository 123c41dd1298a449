"""A small made-up shop, as files, with settings that read them."""

import subprocess
import sys
import time
from functools import partial

import pytest

from recomart.lake import open_lake
from recomart.settings import load_settings
from recomart.sources.generator import ShopSpec, generate_shop
from tests.shared import made_once

SETTINGS = """\
project: Small shop
sources:
  events: {kind: csv, path: shop/events/*.csv}
  ratings: {kind: csv, path: shop/ratings.csv, columns: {event_type: {default: rate}}}
  categories: {kind: csv, holds: categories, path: shop/categories.csv}
engine: {threads: 2, memory_limit: 1GiB}
models:
  train: [popularity, cooccurrence, rp3beta, blend]
  parameters: {blend: {members: [{model: rp3beta}]}}
ranking: {trees: 20, losses: [QueryRMSE]}
evaluation: {test_days: 3, relevant: [add_to_cart, purchase], bootstrap: 100}
tracking: {is_on: false}
"""

RUN = """
import sys
from pathlib import Path
from recomart.pipeline import run
from recomart.settings import load_settings
run(load_settings(Path(sys.argv[1]), environment={}))
"""


def outcomes(record):
    return {stage.stage: stage.outcome for stage in record.stages}


def versions(loaded):
    lake = open_lake(loaded)
    return {name: lake.latest(name).version for name in lake.names()}


@pytest.fixture(scope="session")
def shop_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "shop"
    spec = ShopSpec(n_users=60, n_items=40, n_events=3_000, days=10, dirt=0.02)
    return generate_shop(folder, spec)


def undisturbed(folder, shop_files):
    """Run a shop in a process of its own, and keep how long it took."""
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
    (folder / "seconds").write_text(str(time.perf_counter() - began), encoding="utf-8")


@pytest.fixture
def loaded(tmp_path, shop_files):
    (tmp_path / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (tmp_path / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    return load_settings(tmp_path, environment={})


@pytest.fixture(scope="session")
def reference(tmp_path_factory, shop_files):
    """How long an undisturbed run takes, and what it makes."""
    folder = made_once(tmp_path_factory, "reference", partial(undisturbed, shop_files=shop_files))
    seconds = float((folder / "seconds").read_text(encoding="utf-8"))
    made = versions(load_settings(folder, environment={}))
    return seconds, {k: v for k, v in made.items() if not k.startswith("raw_")}
