"""A small made-up shop, as files, with settings that read them."""

import pytest

from recomart.settings import load_settings
from recomart.sources.generator import ShopSpec, generate_shop

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
evaluation: {test_days: 3, relevant: [add_to_cart, purchase], bootstrap: 100}
tracking: {is_on: false}
"""


@pytest.fixture(scope="session")
def shop_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "shop"
    spec = ShopSpec(n_users=60, n_items=40, n_events=3_000, days=10, dirt=0.02)
    return generate_shop(folder, spec)


@pytest.fixture
def loaded(tmp_path, shop_files):
    (tmp_path / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (tmp_path / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    return load_settings(tmp_path, environment={})
