"""Going back: all of it or nothing, and nothing lost in silence."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from recomart.errors import IntegrityError, NotFoundError, StoreUnavailableError, VersioningError
from recomart.lake import open_lake
from recomart.pipeline import versioning
from tests.pipeline.versioning.conftest import (
    all_hold,
    change,
    git,
    is_killed,
    with_settings,
    words,
)


@pytest.fixture
def twice(kept):
    """The shop with two snapshots; the second lies in the lake."""
    change(kept, "two")
    versioning.snapshot(kept, "second")
    return kept


def objects(loaded):
    """The files of DVC's cache, lists of folders left out."""
    files = (loaded.folder / ".dvc" / "cache").rglob("*")
    return [file for file in files if file.is_file() and file.suffix != ".dir"]


def test_data_and_warehouse_come_back_and_git_sees_other_pointers(twice):
    done = versioning.restore(twice, "HEAD~1")

    assert (done.message, done.fetched, done.warehouse) == ("first", 0, True)
    assert done.changed == ("raw", "validated", "prepared", "features", "models")
    assert words(twice) == all_hold("one", "one")
    assert "versions/raw.dvc" in git(twice, "diff", "--name-only")
    assert [one["in_lake"] for one in versioning.snapshots(twice)] == [False, True]


def test_what_was_restored_can_be_kept_as_the_newest(twice):
    versioning.restore(twice, "HEAD~1")
    taken = versioning.snapshot(twice, "back to the first")

    assert taken.is_new
    assert not versioning.restore(twice, "HEAD").changed
    versioning.restore(twice, "HEAD~1")
    assert words(twice) == all_hold("two", "one", "two")


def test_what_is_in_no_snapshot_is_not_lost_but_by_force(twice):
    change(twice, "three", ["events"])
    with pytest.raises(VersioningError, match=r"no snapshot: prepared, warehouse.sqlite\."):
        versioning.restore(twice, "HEAD~1")
    assert words(twice)[1] == ["one", "two", "three"]

    versioning.restore(twice, "HEAD~1", force=True)
    assert words(twice) == all_hold("one", "one")


def test_a_layer_that_was_not_there_goes(shop):
    models = shop.folder / "data" / "lake" / "models"
    models.rename(shop.folder / "models")
    versioning.init(shop)
    versioning.snapshot(shop, "without")
    (shop.folder / "models").rename(models)
    versioning.snapshot(shop, "with")

    versioning.restore(shop, "HEAD~1")
    assert "hold" not in open_lake(shop).names()
    assert not (shop.folder / "versions" / "models.dvc").exists()
    versioning.restore(shop, "HEAD")
    assert words(shop) == all_hold("one", "one")


def test_an_unknown_revision_is_not_found(kept):
    for revision in ("nonsense", "--all", "HEAD~9"):
        with pytest.raises(NotFoundError, match="no snapshot"):
            versioning.restore(kept, revision)


@pytest.mark.parametrize(
    ("point", "times"), [("bring", 2), ("rename", 4), ("release_warehouse", 2)]
)
def test_a_restore_that_was_killed_goes_on(twice, point, times):
    assert is_killed(twice, "restore", point, times, "HEAD~1")

    versioning.restore(twice, "HEAD~1")
    assert words(twice) == all_hold("one", "one")
    assert list((twice.folder / "data" / "lake" / ".aside").glob("restore-*")) == []
    assert versioning.restore(twice, "HEAD").changed
    assert words(twice) == all_hold("two", "one", "two")


def test_data_that_are_nowhere_leave_the_lake_as_it_is(twice):
    shutil.rmtree(twice.folder / ".dvc" / "cache")
    with pytest.raises(VersioningError, match="neither in the cache nor in a remote"):
        versioning.restore(twice, "HEAD~1")

    assert words(twice) == all_hold("two", "one", "two")
    assert [one["is_here"] for one in versioning.snapshots(twice)] == [False, False]


def test_damaged_data_leave_the_lake_as_it_is(twice):
    for file in objects(twice):
        if b": one" in file.read_bytes():
            file.unlink()  # the lake shares it
            file.write_bytes(b"damaged")
            file.chmod(0o444)

    with pytest.raises(IntegrityError):
        versioning.restore(twice, "HEAD~1")
    held, told = words(twice)
    assert set(held.values()) == {"two"}
    assert told == ["one", "two"]


def test_a_warehouse_that_is_held_leaves_all_as_it_is(twice, monkeypatch):
    monkeypatch.setattr("recomart.pipeline.versioning.warehouse.PATIENCE_S", 0.1)
    path = twice.folder / "data" / "warehouse.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM words").fetchone()
        with pytest.raises(StoreUnavailableError, match="warehouse"):
            versioning.restore(twice, "HEAD~1")

    assert words(twice) == all_hold("two", "one", "two")


def test_a_warehouse_elsewhere_is_in_no_snapshot(shop):
    elsewhere = with_settings(shop, {("paths", "warehouse"): "postgresql://db.invalid/shop"})
    versioning.init(elsewhere)
    taken = versioning.snapshot(elsewhere)

    assert "warehouse.sqlite" not in taken.layers
    assert not versioning.restore(elsewhere, "HEAD").warehouse


def test_a_pointer_with_a_merge_in_it_is_named(kept):
    pointer = kept.folder / "versions" / "raw.dvc"
    pointer.write_text("<<<<<<< HEAD\nouts:\n=======\n", encoding="utf-8")
    git(kept, "commit", "--all", "--message", "a bad merge")

    with pytest.raises(VersioningError, match="cannot be read"):
        versioning.restore(kept, "HEAD")
    pointer.unlink()
    versioning.snapshot(kept, "mended")
    assert versioning.restore(kept, "HEAD").message == "mended"
