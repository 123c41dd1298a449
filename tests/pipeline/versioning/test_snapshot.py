"""Taking snapshots: of all and only the data, whatever the user does with git; or not at all."""

import re
import subprocess
import sys

import pytest

from recomart.errors import LakeBusyError, VersioningError
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

LAYERS = ["raw", "validated", "prepared", "features", "models", "warehouse.sqlite"]


def test_a_snapshot_holds_every_layer_and_commits_pointers_only(shop):
    versioning.init(shop)
    taken = versioning.snapshot(shop, "before the sale")

    assert taken.is_new
    assert list(taken.layers) == LAYERS
    assert git(shop, "log", "-1", "--format=%an: %s") == "Ada: before the sale"
    committed = git(shop, "show", "--format=", "--name-only").split()
    pointers = [f"versions/{name}.dvc" for name in LAYERS]
    assert sorted(committed) == sorted(["versions/.gitignore", *pointers])


def test_what_did_not_change_makes_no_commit(kept):
    again = versioning.snapshot(kept)

    assert not again.is_new
    assert again.revision == git(kept, "rev-parse", "HEAD")


def test_the_list_tells_what_lies_in_the_lake(kept):
    change(kept, "two", ["events"])
    assert [one["in_lake"] for one in versioning.snapshots(kept)] == [False]
    versioning.snapshot(kept, "second")

    listed = versioning.snapshots(kept)
    assert [one["message"] for one in listed] == ["second", "first"]
    assert [one["in_lake"] for one in listed] == [True, False]
    assert all(one["is_here"] for one in listed)
    assert list(listed[0]["layers"]) == LAYERS


def test_the_lake_and_the_cache_share_their_files(shop):
    versioning.init(shop)
    versioning.snapshot(shop)
    lake = open_lake(shop)
    [file] = lake.latest("events").files
    path = shop.folder / "data" / "lake" / file.key
    is_linked = path.stat().st_nlink == 2
    is_copied_on_write = bool(path.stat().st_mode & 0o200)

    assert is_linked or is_copied_on_write
    lake.objects.delete(file.key)  # a linked file is read-only: it can be deleted all the same
    change(shop, "one", ["events"])
    assert words(shop) == all_hold("one", "one", "one")


def test_without_data_there_is_nothing_to_keep(tmp_path, shop):
    empty = with_settings(shop, {("paths", "lake"): "data/empty"})
    versioning.init(empty)

    with pytest.raises(VersioningError, match="no data") as raised:
        versioning.snapshot(empty)
    assert "recomart run" in raised.value.remedy


def test_who_is_unknown_to_git_commits_as_recomart(shop, gitconfig):
    gitconfig.write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")
    versioning.init(shop)
    versioning.snapshot(shop)

    assert set(git(shop, "log", "--format=%an <%ae>").splitlines()) == {
        "RecoMart <recomart@localhost>"
    }


def test_a_head_on_no_branch_is_refused(kept):
    git(kept, "checkout", "--quiet", "--detach")
    change(kept, "two")

    with pytest.raises(VersioningError, match="on no branch"):
        versioning.snapshot(kept)


def test_a_hook_that_refuses_stops_the_snapshot_and_leaves_the_index(kept):
    hook = kept.folder / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho 'error: not on a Friday' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    change(kept, "two")

    with pytest.raises(VersioningError, match="not on a Friday"):
        versioning.snapshot(kept)
    assert git(kept, "diff", "--cached", "--name-only") == ""
    hook.unlink()
    assert versioning.snapshot(kept).is_new


def test_a_lake_that_is_written_to_is_left_alone(kept):
    with open_lake(kept).lease("a run"), pytest.raises(LakeBusyError, match="a run"):
        versioning.snapshot(kept)


def test_a_snapshot_that_was_killed_goes_on(kept):
    change(kept, "two")
    head = git(kept, "rev-parse", "HEAD")
    for point, times in (("add_outs", 3), ("link", 4), ("dump", 2), ("commit", 1)):
        assert is_killed(kept, "snapshot", point, times), point
    assert git(kept, "rev-parse", "HEAD") == head
    assert [one["message"] for one in versioning.snapshots(kept)] == ["first"]

    assert versioning.snapshot(kept, "second").is_new
    versioning.restore(kept, "HEAD~1")
    assert words(kept) == all_hold("one", "one")
    versioning.restore(kept, "main")
    assert words(kept) == all_hold("two", "one", "two")


NO_ROOM = """
import resource, signal, sys
from pathlib import Path
from recomart.errors import RecomartError
from recomart.pipeline import versioning
from recomart.settings import load_settings

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
loaded = load_settings(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    versioning.snapshot(loaded)
except RecomartError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limit", "size_of_event", "size_of_row"), [(2, 1, 1), (50, 1, 90), (50, 90, 1)]
)
def test_a_full_disk_is_told_and_nothing_is_half_there(kept, limit, size_of_event, size_of_row):
    """Sizes in kB: DVC's notes, the warehouse's copy, or a copy into the cache find no room."""
    config = kept.folder / ".dvc" / "config"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("hardlink, reflink, copy", "copy"), encoding="utf-8")
    change(kept, "word " * 4 * size_of_event, ["events"])
    change(kept, "word " * 200 * size_of_row, [])
    command = [sys.executable, "-c", NO_ROOM, kept.folder, str(1000 * limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert re.search(r"RM-40\d: .*\n  remedy: ", done.stdout)
    assert git(kept, "log", "-1", "--format=%s") == "first"
    assert versioning.snapshot(kept).is_new


def test_a_layer_that_is_gone_loses_its_pointer(kept):
    (kept.folder / "data/lake/models").rename(kept.folder / "models")
    versioning.snapshot(kept, "without")

    assert "models" not in versioning.snapshots(kept)[0]["layers"]
    assert "versions/models.dvc" not in git(kept, "ls-files").split()


def test_dvcs_own_command_agrees(kept):
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status"],
        cwd=kept.folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "up to date" in done.stdout
