"""A small shop with a published model, for whatever has to be served."""

from __future__ import annotations

import json

from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.ranking.aliases import PUBLISHED
from recomart.settings import load_settings
from recomart.sources.catalogue_server import serve_catalogue
from recomart.sources.generator import ShopSpec, generate_shop

SETTINGS = """\
project: Small shop
sources:
  events: {kind: csv, path: shop/events/*.csv}
  categories: {kind: csv, holds: categories, path: shop/categories.csv}
  catalogue: {kind: rest, url: %s}
engine: {threads: 2, memory_limit: 1GiB}
models:
  train: [popularity, trending, cooccurrence]
  serve: cooccurrence
ranking: {retrievers: [cooccurrence, popularity], trees: 5, losses: [QueryRMSE]}
evaluation: {test_days: 3, relevant: [add_to_cart, purchase], bootstrap: 100}
tracking: {is_on: false}
serving: {reload_s: 0.1}
"""


def make_shop(folder, more=None):
    """Make it in a folder and train on it; `more` are settings as flags. A few seconds."""
    spec = ShopSpec(n_users=60, n_items=40, n_events=2_000, days=10, dirt=0.0)
    made = generate_shop(folder / "shop", spec)
    with serve_catalogue(json.loads(made.products.read_text(encoding="utf-8"))) as server:
        (folder / "recomart.yaml").write_text(SETTINGS % server.url, encoding="utf-8")
        run(load_settings(folder, environment={}, flags=more))
    return folder


def publish(folder, serve="popularity"):
    """Publish another model over the same data."""
    flags = {("models", "serve"): serve}
    run(load_settings(folder, environment={}, flags=flags), ["evaluate", "publish"])


def spoil(folder, number):
    """Damage a published model of a lake, in what is its alone."""
    lake = open_lake(load_settings(folder, environment={}))
    manifest = next(m for m in lake.history(PUBLISHED) if m.number == number)
    others = {f.key for m in lake.history(PUBLISHED) if m.number != number for f in m.files}
    key = next(f.key for f in manifest.files if f.key not in others)
    path = folder / "data" / "lake" / key
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])
