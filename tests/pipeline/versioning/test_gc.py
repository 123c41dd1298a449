"""Freeing the cache: never what a snapshot, or the lake as it lies, needs."""

import subprocess
import sys

import pytest

from recomart.errors import VersioningError
from recomart.pipeline import versioning
from tests.pipeline.versioning.conftest import all_hold, change, git, words


@pytest.fixture
def thrice(kept):
    """Three snapshots, and data that are in none."""
    for word in ("two", "three"):
        change(kept, word)
        versioning.snapshot(kept, word)
    change(kept, "four")
    return kept


def test_what_snapshots_need_stays(thrice):
    assert versioning.gc(thrice, do_it=True).objects == 0

    for revision, told in (("HEAD~2", ["one"]), ("HEAD~1", ["one", "two"])):
        versioning.restore(thrice, revision, force=True)
        assert words(thrice) == all_hold(told[-1], *told)


def test_only_the_newest_stay_where_that_is_asked_for(thrice):
    told = versioning.gc(thrice, 2)
    assert not told.is_done
    assert all(one["is_here"] for one in versioning.snapshots(thrice))

    done = versioning.gc(thrice, 2, do_it=True)
    assert (done.objects, done.bytes, done.dropped) == (told.objects, told.bytes, told.dropped)
    assert done.dropped == (git(thrice, "rev-parse", "--short=10", "HEAD~2"),)
    assert done.bytes > 0
    assert [one["is_here"] for one in versioning.snapshots(thrice)] == [True, True, False]
    assert words(thrice) == all_hold("four", "one", "two", "three", "four")
    versioning.restore(thrice, "HEAD~1", force=True)
    assert words(thrice) == all_hold("two", "one", "two")


def test_what_lies_in_the_lake_stays_though_its_snapshot_is_old(thrice):
    versioning.restore(thrice, "HEAD~2", force=True)
    versioning.gc(thrice, 1, do_it=True)

    assert [one["is_here"] for one in versioning.snapshots(thrice)] == [True, False, True]
    versioning.restore(thrice, "HEAD")
    versioning.restore(thrice, "HEAD~2")
    assert words(thrice) == all_hold("one", "one")


def test_snapshots_of_other_branches_stay_and_those_that_git_forgot_go(thrice):
    git(thrice, "branch", "side")
    git(thrice, "reset", "--quiet", "--hard", "HEAD~2")
    assert versioning.gc(thrice).objects == 0

    git(thrice, "branch", "--quiet", "-D", "side")
    freed = versioning.gc(thrice, do_it=True)
    assert freed.objects > 0
    assert freed.dropped == ()
    versioning.restore(thrice, "HEAD", force=True)
    assert words(thrice) == all_hold("one", "one")


def test_other_data_in_the_same_cache_are_left_to_dvc(thrice):
    (thrice.folder / "theirs.txt").write_text("theirs", encoding="utf-8")
    command = [sys.executable, "-m", "dvc", "--quiet", "add", "theirs.txt"]
    subprocess.run(command, cwd=thrice.folder, check=True)
    with pytest.raises(VersioningError, match="other data") as raised:
        versioning.gc(thrice, 1, do_it=True)
    assert "dvc gc" in raised.value.remedy

    git(thrice, "add", "theirs.txt.dvc")
    git(thrice, "commit", "--message", "theirs")
    git(thrice, "rm", "--quiet", "theirs.txt.dvc")
    git(thrice, "commit", "--message", "gone, but in the history")
    with pytest.raises(VersioningError, match="other data"):
        versioning.gc(thrice, 1, do_it=True)
