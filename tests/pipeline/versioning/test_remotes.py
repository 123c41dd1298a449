"""A second place for snapshots: a folder, a bucket; and what happens where it is not there."""

import json
import shutil
import subprocess
import sys

import boto3
import pytest

from recomart.errors import StoreUnavailableError, VersioningError
from recomart.pipeline import versioning
from tests.pipeline.versioning.conftest import all_hold, change, git, with_settings, words
from tests.servers import free_port

FIRST = "HEAD^{/first}"


def at(loaded, remote):
    return with_settings(loaded, {("versioning", "remote"): remote})


@pytest.fixture
def twice(kept):
    change(kept, "two")
    versioning.snapshot(kept, "second")
    return kept


@pytest.fixture
def elsewhere(twice, tmp_path):
    """Gives a clone of the shop, which has pointers and no data, with a remote of its own."""

    def clone(remote):
        folder = tmp_path / "clone"
        git(twice, "clone", "--quiet", str(twice.folder), str(folder))
        shutil.copy(twice.folder / "recomart.yaml", folder)
        (folder / "data").mkdir()
        return at(type(twice)(twice.settings, folder), remote)

    return clone


def test_a_clone_gets_the_data_from_a_folder(twice, elsewhere, tmp_path):
    remote = str(tmp_path / "copies")
    here = at(twice, remote)
    versioning.init(here)
    sent = versioning.push(here)
    assert (sent.snapshots, sent.incomplete) == (2, ())
    assert sent.objects > 20
    assert versioning.push(here).objects == 0

    there = elsewhere(remote)
    fetched = versioning.pull(there)
    assert 10 < fetched.objects < sent.objects
    assert versioning.pull(there).objects == 0
    versioning.restore(there, "HEAD")
    assert words(there) == all_hold("two", "one", "two")
    assert versioning.restore(there, FIRST).fetched > 0
    assert words(there) == all_hold("one", "one")


def test_a_clone_gets_the_data_from_a_bucket(twice, elsewhere, bucket):
    remote = f"s3://{bucket}/shop"
    here = at(twice, remote)
    versioning.init(here)
    sent = versioning.push(here)
    kept = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix="shop/")["KeyCount"]
    assert sent.objects == kept
    assert "s3cr3t" not in (here.folder / ".dvc" / "config").read_text(encoding="utf-8")

    there = elsewhere(remote)
    assert versioning.restore(there, "HEAD").fetched > 10
    assert words(there) == all_hold("two", "one", "two")


def test_a_bucket_that_is_not_there_is_named(twice, bucket):
    with pytest.raises(StoreUnavailableError, match=r"s3://no-such-bucket/shop"):
        versioning.push(at(twice, "s3://no-such-bucket/shop"))


def test_a_server_that_is_down_is_named(twice, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    words_typed = ["-s", str(twice.folder), "--set", "versioning.remote=s3://b/x", "data", "push"]
    done = subprocess.run(
        [sys.executable, "-c", "from recomart.cli import main; main()", *words_typed],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("RM-402: The remote s3://b/x did not answer")
    assert len(done.stderr.splitlines()) == 2


def test_without_a_remote_it_is_said_how_to_name_one(twice):
    with pytest.raises(VersioningError, match="no remote") as raised:
        versioning.push(twice)
    assert "versioning.remote" in raised.value.remedy


def test_a_remote_folder_that_is_gone_is_not_made_anew(twice, tmp_path):
    here = at(twice, str(tmp_path / "not mounted"))

    with pytest.raises(StoreUnavailableError, match="no such folder"):
        versioning.push(here)
    assert not (tmp_path / "not mounted").exists()


def test_data_that_nobody_pushed_are_not_found(twice, elsewhere, tmp_path):
    (tmp_path / "copies").mkdir()
    there = elsewhere(str(tmp_path / "copies"))

    with pytest.raises(VersioningError, match="neither in the cache nor in") as raised:
        versioning.pull(there)
    assert "recomart data push" in raised.value.remedy


def test_damage_in_the_remote_is_found(twice, elsewhere, tmp_path):
    here = at(twice, str(tmp_path / "copies"))
    versioning.init(here)
    versioning.push(here)
    for file in (tmp_path / "copies").rglob("*"):
        if file.is_file() and b": two" in file.read_bytes():
            file.chmod(0o644)
            file.write_bytes(b"damaged")

    there = elsewhere(str(tmp_path / "copies"))
    with pytest.raises(VersioningError, match="neither in the cache nor in"):
        versioning.pull(there)
    assert versioning.restore(there, FIRST).message == "first"


def test_a_remote_that_dvc_knows_is_used_where_ours_is_not_set(twice, tmp_path):
    (tmp_path / "theirs").mkdir()
    command = ["remote", "add", "--default", "theirs", str(tmp_path / "theirs")]
    subprocess.run([sys.executable, "-m", "dvc", *command], cwd=twice.folder, check=True)

    assert versioning.push(twice).remote == str(tmp_path / "theirs")
    assert json.dumps(versioning.snapshots(twice))
