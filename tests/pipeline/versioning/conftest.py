"""A small shop that has run once, copied for each test, with git and DVC of its own."""

import shutil

import pytest

from recomart.pipeline import run, versioning
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS

IDENTITY = "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
STAGES = ("ingest", "validate", "prepare", "build_features", "load_warehouse", "train")
"""Enough to fill every layer and the warehouse."""


@pytest.fixture(autouse=True)
def as_on_a_new_machine(tmp_path, monkeypatch):
    """Git and DVC know nothing but who commits; give the file in which git reads it."""
    config = tmp_path / "gitconfig"
    config.write_text(IDENTITY, encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for level in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"DVC_{level}_CONFIG_DIR", str(tmp_path / level))
    return config


@pytest.fixture(scope="session")
def shop_that_ran(tmp_path_factory, shop_files):
    """A shop whose last day is still to come: its folder, where that day is, where it belongs."""
    folder = tmp_path_factory.mktemp("versioned")
    files = shutil.copytree(shop_files.folder, folder / "files")
    shop = folder / "mine"
    shop.mkdir()
    text = SETTINGS.replace("path: shop/", f"path: {files}/")
    (shop / "recomart.yaml").write_text(text, encoding="utf-8")
    belongs = max((files / "events").glob("*.csv"))
    last = belongs.rename(folder / belongs.name)
    run(load_settings(shop, environment={}), STAGES)
    return shop, last, belongs


@pytest.fixture
def shop(tmp_path, shop_that_ran):
    """The settings of a copy of the shop."""
    shutil.copytree(shop_that_ran[0], tmp_path / "mine")
    return load_settings(tmp_path / "mine", environment={})


@pytest.fixture
def kept(shop):
    """The shop with one snapshot."""
    versioning.init(shop)
    versioning.snapshot(shop, "first")
    return shop


@pytest.fixture
def next_day(shop_that_ran):
    """Brings the last day's events, or takes them away again."""
    _, last, belongs = shop_that_ran

    def bring(come=True):
        shutil.copy2(last, belongs) if come else belongs.unlink()

    yield bring
    belongs.unlink(missing_ok=True)
