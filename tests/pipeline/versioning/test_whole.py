"""A shop that runs: restoring a revision and running again gives the same bytes."""

import shutil

import pytest
import yaml

from recomart.lake import open_lake
from recomart.pipeline import run, versioning
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS
from tests.pipeline.versioning.conftest import git, with_settings

STAGES = ("ingest", "validate", "prepare", "build_features", "load_warehouse", "train")
"""Enough to fill every layer and the warehouse."""


@pytest.fixture(scope="module")
def days(tmp_path_factory, shop_files):
    """The files of a shop, and those of its last days, which are still to come."""
    folder = tmp_path_factory.mktemp("versioned")
    files = shutil.copytree(shop_files.folder, folder / "files")
    to_come = sorted((files / "events").glob("*.csv"))[-2:]
    return files, [file.rename(folder / file.name) for file in to_come]


@pytest.fixture(scope="module")
def ran(days, tmp_path_factory):
    """The shop after its first run."""
    folder = tmp_path_factory.mktemp("ran")
    text = SETTINGS.replace("path: shop/", f"path: {days[0]}/")
    (folder / "recomart.yaml").write_text(text, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded, STAGES)
    return loaded


def content(loaded):
    """What each data set holds: its version, and its files by sha256, which are checked."""
    lake = open_lake(loaded)
    found = {name: lake.latest(name) for name in lake.names()}
    for manifest in found.values():
        lake.paths(manifest.files)
    return {
        name: (m.version, m.number, [(f.partition, f.sha256) for f in m.files])
        for name, m in found.items()
    }


def made(loaded):
    return [name for stage in run(loaded, STAGES).stages for name in stage.made]


def test_a_restored_revision_runs_to_the_same_bytes(ran, days):
    files, (day, _) = days
    run(ran, STAGES)  # another test may have brought a day in
    versioning.init(ran)
    versioning.snapshot(ran, "first")
    first = content(ran)
    here = files / "events" / day.name
    shutil.copy2(day, here)
    assert made(ran)
    second = content(ran)
    versioning.snapshot(ran, "second")

    versioning.restore(ran, "HEAD~1")
    here.unlink()
    assert content(ran) == first
    assert made(ran) == []
    shutil.copy2(day, here)
    assert made(ran)
    assert content(ran) == second
    versioning.restore(ran, "HEAD", force=True)
    assert content(ran) == second
    assert made(ran) == []


def test_a_run_that_made_something_is_kept_where_that_is_asked_for(ran, days):
    versioning.init(ran)
    every = with_settings(ran, {("versioning", "every_run"): True})
    record = run(every, ["ingest"])
    assert git(ran, "log", "--format=%s").count("Data of run") == 0

    files, (_, day) = days
    shutil.copy2(day, files / "events")
    record = run(every, ["ingest"])
    assert git(ran, "log", "-1", "--format=%s") == f"Data of run {record.run_id}"
    assert versioning.snapshots(ran)[0]["in_lake"]


def test_a_run_that_cannot_be_kept_has_gone_well_and_says_why(days, tmp_path):
    files = days[0]
    source = {
        "kind": "csv",
        "path": f"{files}/ratings.csv",
        "columns": {"event_type": {"default": "rate"}},
    }
    (tmp_path / "recomart.yaml").write_text(
        yaml.safe_dump({"sources": {"ratings": source}, "versioning": {"every_run": True}})
    )
    record = run(load_settings(tmp_path, environment={}), ["ingest"])

    assert record.outcome == "done"
    log = (tmp_path / "logs" / "versioning.log").read_text(encoding="utf-8")
    assert "WARNING" in log
    assert "recomart data init" in log
