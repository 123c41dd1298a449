"""The whole pipeline on a lake in a bucket: as on a folder, and the same after kill -9."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.features.store import FeatureStore
from recomart.lake import open_lake
from recomart.pipeline import STAGES, run
from recomart.ranking.champion import Champion
from recomart.settings import load_settings
from tests.conftest import chain_of
from tests.pipeline.conftest import SETTINGS, outcomes, versions
from tests.s3 import DENIED, fresh_url

SECRETS = ("AKIAMADEUP", "made-up-secret")


@pytest.fixture(scope="module")
def s3(s3_running, tmp_path_factory):
    with chain_of(s3_running, tmp_path_factory.mktemp("home")):
        yield s3_running


@pytest.fixture(scope="module")
def open_shop(shop_files, tmp_path_factory, s3, pandas_allowed):
    """Open a shop whose lake, a new one, lies in a bucket."""

    def open_one():
        folder = tmp_path_factory.mktemp("s3")
        (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
        paths = f"paths: {{lake: {fresh_url()}}}\n"
        (folder / "recomart.yaml").write_text(paths + SETTINGS, encoding="utf-8")
        return load_settings(folder, environment={})

    return open_one


@pytest.fixture(scope="module")
def shop(open_shop, s3):
    """Two runs: the settings, their records, and the requests of the second."""
    loaded = open_shop()
    first = run(loaded)
    s3.heal()
    second = run(loaded)
    return loaded, first, second, len(s3.seen)


def test_a_bucket_holds_the_same_versions_as_a_folder(shop, reference):
    found = versions(shop[0])
    _, expected = reference

    assert {name: found[name] for name in expected} == expected
    assert set(outcomes(shop[1]).values()) == {"done"}


def test_a_second_run_skips_all_and_asks_little(shop):
    loaded, _, second, n_requests = shop

    assert set(outcomes(second).values()) <= {"skipped", "done"}
    skipped = {name for name, outcome in outcomes(second).items() if outcome == "skipped"}
    assert skipped == {stage.name for stage in STAGES if not stage.always}
    assert n_requests <= 2 * len(open_lake(loaded).names()) + 12


def test_another_machine_finds_the_champion_and_the_features(shop):
    other = open_shop_of(shop)

    assert Champion.open(other).name == Champion.open(shop[0]).name
    with FeatureStore(other) as theirs, FeatureStore(shop[0]) as ours:
        assert theirs.list_features() == ours.list_features() != []


def open_shop_of(shop):
    """The same shop with an empty cache, as on another machine."""
    flags = {("paths", "cache"): "other-cache"}
    return load_settings(shop[0].folder, environment={}, flags=flags)


@pytest.mark.parametrize(
    "words", [["status"], ["doctor", "--verify"], ["recommend", "--user", "u"]]
)
def test_commands_that_look_work_on_a_bucket(shop, words):
    command = ["--settings", str(shop[0].folder), "--json", *words]
    result = CliRunner().invoke(recomart, command, catch_exceptions=False)
    answer = json.loads(result.output)

    assert answer
    if words[0] == "doctor":
        found = {one["check"]: one for one in answer}
        assert found["lake"]["ok"]
        assert found["cache folder"]["found"]


def test_doctor_tells_of_a_bucket_that_may_not_be_written(shop, s3):
    s3.fault = lambda method, _path: DENIED if method == "PUT" else None
    command = ["--settings", str(shop[0].folder), "--json", "doctor", "--verify"]
    result = CliRunner().invoke(recomart, command, catch_exceptions=False)
    s3.heal()

    [lake] = [one for one in json.loads(result.output) if one["check"] == "lake"]
    assert result.exit_code == 1
    assert not lake["ok"]
    assert "refuses to write" in lake["found"]


def test_no_log_and_no_record_holds_a_credential(shop, open_shop, s3):
    s3.fault = lambda _method, path: DENIED if "/files/" in path else None
    failed = open_shop()
    with pytest.raises(Exception, match="refuses to write"):
        run(failed, ["ingest", "validate"])
    s3.heal()
    files = [path for one in (shop[0], failed) for path in one.path("logs").rglob("*")]
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.is_file())

    assert "refuses to write" in text
    assert not [secret for secret in SECRETS if secret in text]


KILLED = """
import os, signal, sys
from pathlib import Path
from recomart.lake.bucket import Bucket
from recomart.pipeline import run
from recomart.settings import load_settings
left, put = int(sys.argv[2]), Bucket.put
def counted(self, key, body, **condition):
    global left
    left -= 1
    if left == 0 and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, key, body, **condition)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
Bucket.put = counted
run(load_settings(Path(sys.argv[1]), environment={}), ["ingest", "validate", "prepare"])
"""


@pytest.mark.long
def test_a_run_that_is_killed_at_its_uploads_goes_on_to_the_same_bytes(open_shop, reference):
    loaded = open_shop()
    for count, when in ((9, "after"), (25, "before")):
        command = [sys.executable, "-c", KILLED, str(loaded.folder), str(count), when]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    record = run(loaded, ["ingest", "validate", "prepare"])

    found, (_, expected) = versions(loaded), reference
    assert record.outcome == "done"
    assert "events" in found
    assert {name: expected.get(name, made) for name, made in found.items()} == found
