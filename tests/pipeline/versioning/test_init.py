"""Setting up: in a repository, in a part of one, in none; where it cannot be, a reason."""

import pytest

from recomart.errors import MissingToolError, SettingsError, VersioningError
from recomart.pipeline import versioning
from tests.pipeline.versioning.conftest import git, with_settings

COMMANDS = {
    "init": versioning.init,
    "snapshot": versioning.snapshot,
    "list": versioning.snapshots,
    "restore": lambda loaded: versioning.restore(loaded, "HEAD"),
    "push": versioning.push,
    "pull": versioning.pull,
    "gc": versioning.gc,
}


def test_a_folder_without_git_becomes_a_repository_and_again_changes_nothing(shop):
    first, again = versioning.init(shop), versioning.init(shop)

    assert (first.is_new, again.is_new) == (True, False)
    assert first.repository == shop.folder
    assert again.revision is None
    assert git(shop, "ls-files").split() == [".dvc/.gitignore", ".dvc/config", ".dvcignore"]


def test_in_a_part_of_a_repository_what_others_staged_and_changed_stays(shop):
    above = shop.folder.parent
    git(shop, "init", str(above))
    for name in ("staged", "changed", "mine/both"):
        (above / name).write_text("before", encoding="utf-8")
    git(shop, "add", "--all", str(above / "changed"), "both")
    git(shop, "commit", "--message", "theirs")
    (above / "changed").write_text("after", encoding="utf-8")
    (shop.folder / "both").write_text("staged", encoding="utf-8")
    git(shop, "add", "both", str(above / "staged"))
    (shop.folder / "both").write_text("changed again", encoding="utf-8")
    before = git(shop, "status", "--porcelain", "--untracked-files=no")

    assert versioning.init(shop).repository == above
    versioning.snapshot(shop)

    assert git(shop, "status", "--porcelain", "--untracked-files=no") == before
    assert "lake" not in git(shop, "status", "--porcelain", "-uall")
    committed = git(shop, "show", "--format=", "--name-only", "HEAD", "HEAD~1").split()
    assert {name.split("/")[1] for name in committed} == {".dvc", ".dvcignore", "versions"}


def test_without_git_each_command_says_so(shop, monkeypatch):
    monkeypatch.setenv("PATH", "")

    for command in COMMANDS.values():
        with pytest.raises(MissingToolError, match="git"):
            command(shop)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_lake_in_a_bucket_keeps_its_own_versions(shop, name):
    with pytest.raises(VersioningError, match=r"s3://shop/lake.*folder of this machine") as raised:
        COMMANDS[name](with_settings(shop, {("paths", "lake"): "s3://shop/lake"}))

    assert "recomart runs" in raised.value.remedy


def test_a_lake_outside_the_shops_folder_is_refused(shop, tmp_path):
    with pytest.raises(VersioningError, match="not below"):
        versioning.init(with_settings(shop, {("paths", "lake"): str(tmp_path / "lake")}))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "init"])
def test_before_it_is_set_up_each_command_says_how(shop, name):
    with pytest.raises(VersioningError) as raised:
        COMMANDS[name](shop)

    assert "recomart data init" in raised.value.remedy


def test_a_folder_that_git_ignores_is_refused(shop):
    git(shop, "init", str(shop.folder.parent))
    (shop.folder.parent / ".gitignore").write_text("mine\n", encoding="utf-8")

    with pytest.raises(VersioningError, match="ignores"):
        versioning.init(shop)


@pytest.mark.parametrize("url", ["s3://key:s3cr3t@bucket/x", "s3://key@bucket", "ssh://host/x"])
def test_a_remote_with_credentials_or_of_another_kind_is_refused(shop, url):
    with pytest.raises(SettingsError) as raised:
        versioning.init(with_settings(shop, {("versioning", "remote"): url}))

    assert "s3cr3t" not in str(raised.value)


def test_the_remote_stands_in_dvcs_settings_as_it_does_in_ours(shop):
    versioning.init(with_settings(shop, {("versioning", "remote"): "../copies"}))

    assert (shop.folder.parent / "copies").is_dir()
    assert "url = ../../copies" in (shop.folder / ".dvc" / "config").read_text(encoding="utf-8")
