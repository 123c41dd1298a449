"""A disk that is full or may not be written to: refused honestly, nothing lost, and on it goes."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from recomart.errors import StoreUnavailableError
from recomart.events import EventFile, EventLog
from tests.events.made import event

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MiB, a third of it taken by a file `ballast`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("no right to mount a small disk; the next test fills a file instead")
    (disk / "ballast").write_bytes(b"\0" * MIB)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def held(path):
    with closing(EventFile(path)) as log_file:
        return [found.event_id for _, found in log_file.read_after(0, 1_000_000)]


def appended_until_refused(log, most=100_000):
    """Append in portions of 50 until one is refused; return what was taken, and the refused."""
    taken = []
    for first in range(0, most, 50):
        portion = [event(n, device="x" * 200) for n in range(first, first + 50)]
        error = log.append(portion).exception(30)
        if error is not None:
            assert isinstance(error, StoreUnavailableError)
            assert "full" in error.cause
            return taken, portion
        taken += [one.event_id for one in portion]
    pytest.fail("nothing was refused")


def test_a_full_disk_refuses_and_loses_nothing_and_takes_again_once_there_is_room(small_disk):
    path = small_disk / "events.sqlite"
    with EventLog(path) as log:
        taken, refused = appended_until_refused(log)
        with pytest.raises(StoreUnavailableError):
            log.append(refused).result(30)
        (small_disk / "ballast").unlink()

        assert log.append(refused).result(30) == ["accepted"] * 50
    assert held(path) == taken + [one.event_id for one in refused]


def test_what_a_full_disk_holds_can_be_read(small_disk):
    path = small_disk / "events.sqlite"
    with EventLog(path) as log:
        taken, _ = appended_until_refused(log)

    assert held(path) == taken


def test_a_file_that_may_not_grow_refuses_and_takes_again_once_it_may(tmp_path):
    path = tmp_path / "events.sqlite"
    with EventLog(path) as log:
        log._place._con.execute("PRAGMA max_page_count = 100")
        taken, refused = appended_until_refused(log)
        log._place._con.execute("PRAGMA max_page_count = 100000")

        assert log.append(refused).result(30) == ["accepted"] * 50
    assert held(path) == taken + [one.event_id for one in refused]


def test_a_file_that_may_only_be_read_refuses_and_takes_again_once_it_may_be_written(tmp_path):
    path = tmp_path / "events.sqlite"
    with EventLog(path) as log:
        log.append([event(1)]).result(30)
        log._place._con.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreUnavailableError, match="readonly"):
            log.append([event(2)]).result(30)
        log._place._con.execute("PRAGMA query_only = OFF")

        assert log.append([event(2)]).result(30) == ["accepted"]
    assert held(path) == ["e1", "e2"]


SOMEBODY = """
import os, sys
from pathlib import Path
from recomart.errors import StoreUnavailableError
from recomart.events import Event, EventLog
if os.geteuid() == 0:  # root may write anywhere
    os.seteuid(65534)
try:
    with EventLog(Path(sys.argv[1])) as log:
        log.append([Event("e2", "ann", "mug", "view", 1, 2)]).result(30)
except StoreUnavailableError as error:
    print(error.cause)
"""


def test_a_folder_that_may_not_be_written_to_refuses():
    folder = Path(tempfile.mkdtemp(prefix="recomart-"))  # where others may look in
    path = folder / "events.sqlite"
    with closing(EventFile(path)) as log_file:
        log_file.add([event(1)])
    path.chmod(0o444)
    folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", SOMEBODY, path], check=True, capture_output=True)
    folder.chmod(0o755)

    assert b"The event log events.sqlite did not answer" in done.stdout
    assert held(path) == ["e1"]
    shutil.rmtree(folder)
