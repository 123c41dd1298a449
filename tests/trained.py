"""A small shop that published two models: the cascade, and then a single one."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.pipeline.stages import STAGES
from recomart.ranking import Champion
from recomart.settings import load_settings
from recomart.sources.generator import ShopSpec, generate_shop

SOURCES = """\
project: Small shop
sources:
  events: {kind: csv, path: shop/events/*.csv}
  categories: {kind: csv, holds: categories, path: shop/categories.csv}
engine: {threads: 2, memory_limit: 1GiB}
"""
SETTINGS = (
    SOURCES
    + """\
models: {train: [popularity, cooccurrence, rp3beta], serve: cascade}
ranking: {trees: 20, losses: [QueryRMSE], label_days: 2, max_users: 50}
evaluation: {test_days: 2, relevant: [view, click, add_to_cart, purchase], bootstrap: 100}
"""
)
UNSEEN = {"explore", "load_warehouse", "registry_page"}
NEEDED = [stage.name for stage in STAGES if stage.name not in UNSEEN]


def train(folder: Path) -> Path:
    """Make the shop in a folder; nobody is told of its runs."""
    generate_shop(folder / "shop", ShopSpec(n_users=60, n_items=40, n_events=3_000, days=10))
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    run(settings_of(folder, tracking={"is_on": False}), NEEDED)
    single = {"models": {"serve": "rp3beta"}, "tracking": {"is_on": False}}
    run(settings_of(folder, **single), ["evaluate", "publish"])
    return folder


def copy_of(shop: Path, folder: Path):
    """Copy the shop, and load the settings of the copy."""
    shutil.copytree(shop, folder, dirs_exist_ok=True)
    return settings_of(folder)


def settings_of(folder: Path, **flags):
    """Load the settings of a shop, with some changed: ``tracking={"uri": ...}``."""
    leaves = {(above, name): v for above, tree in flags.items() for name, v in tree.items()}
    return load_settings(folder, environment={}, flags=leaves)


def users_of(loaded):
    """Some that the shop knows, and one that it does not."""
    return [*Champion.open(loaded).shop.users[:12].to_pylist(), "nobody"]


def answers(loaded, number, users):
    """What `recomart recommend -n 5` says with a published model, as plain data."""
    lake = open_lake(loaded)
    online = OnlineFeatures(open_online(loaded.settings.paths.online, loaded.folder))
    champion = Champion.load(lake, online, lake.history("published_model")[number - 1])
    return unsigned([asdict(line) for line in champion.recommend(user, 5)] for user in users)


def unsigned(lists):
    """The same lists without the id that each answer has of its own."""
    ids = "recommendation_id"
    return [[{k: v for k, v in line.items() if k != ids} for line in lines] for lines in lists]
