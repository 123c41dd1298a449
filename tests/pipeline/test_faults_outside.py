"""What the machine does to a run: a disk that is full, a clock that goes back."""

import subprocess
import sys

import pytest

from recomart.errors import DiskFullError, StoreUnavailableError
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.pipeline.room import full_disk_told
from recomart.pipeline.runs import Runs
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS

DATA = ["ingest", "validate", "quality_report", "prepare"]
FULL = """
import resource, sys
from pathlib import Path
from recomart.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop()), resource.RLIM_INFINITY))
main()
"""
BACK = """
import sys
from datetime import timedelta
from pathlib import Path
from recomart.pipeline import run, runner
from recomart.settings import load_settings
now = runner._now
runner._now = lambda: now() - timedelta(days=2)
run(load_settings(Path(sys.argv[1]), environment={}), sys.argv[2:])
"""


def versions(loaded):
    lake = open_lake(loaded)
    made = {name: lake.latest(name).version for name in lake.names()}
    return {name: version for name, version in made.items() if not name.startswith("raw_")}


@pytest.fixture
def expected(tmp_path_factory, shop_files):
    """What an undisturbed run makes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded, DATA)
    return versions(loaded)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_a_typed_error_and_leaves_nothing_half_published(loaded, tmp_path, expected):
    only = [word for name in DATA for word in ("--only", name)]
    for room in (600, 9_000, 40_000):
        command = [sys.executable, "-c", FULL, "-s", str(tmp_path), "run", *only, str(room)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == DiskFullError.exit_status, done.stderr
        assert "RM-406" in done.stderr
        assert "Traceback" not in done.stderr
        assert versions(loaded).items() <= expected.items()
    run(loaded, DATA)

    assert versions(loaded) == expected
    assert "running" not in {record.outcome for record in Runs.of(loaded, open_lake(loaded)).all()}
    assert list(loaded.path("logs").rglob("*.partial")) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("IO Error: Could not write file: No space left on device"),
        RuntimeError("database or disk is full"),
        StoreUnavailableError("The warehouse", "database or disk is full"),
    ],
)
def test_libraries_say_it_in_many_ways(error):
    with pytest.raises(DiskFullError), full_disk_told():
        raise error


def test_another_fault_stays_what_it_is():
    with pytest.raises(KeyError), full_disk_told():
        raise KeyError("mug")


@pytest.mark.long
def test_a_clock_that_goes_back_loses_nothing(loaded, tmp_path, expected):
    run(loaded, DATA[:2])
    command = [sys.executable, "-c", BACK, str(tmp_path), *DATA]
    subprocess.run(command, check=True)

    assert versions(loaded) == expected
    assert {one.outcome for one in Runs.of(loaded, open_lake(loaded)).all()} == {"done"}
