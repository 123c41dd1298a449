"""The file that workers share: bounded, private, and begun anew where it is damaged."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from recomart.errors import BadInputError
from recomart.events.shared import SharedFile, Stored


@pytest.fixture
def shared(tmp_path):
    """Open the same file as often as asked."""
    with ExitStack() as stack:
        yield lambda most=100: stack.enter_context(closing(SharedFile(tmp_path / "s.sqlite", most)))


def answer(name, who="ann", at_us=1):
    return Stored(name, who, at_us, name.encode())


def test_what_one_writes_another_reads(shared):
    shared().add([answer("a"), answer("b", who="bob")])

    assert shared().get("a") == b"a"
    assert shared().of("bob") == [b"b"]


def test_only_the_latest_are_kept_and_the_file_does_not_grow(shared):
    file = shared(most=10)
    for k in range(300):
        file.add([answer(f"{k}-{at}") for at in range(5)])
    size = file.path.stat().st_size

    assert [file.get(f"299-{k}") for k in range(5)] == [f"299-{k}".encode() for k in range(5)]
    assert file.get("297-4") is None
    assert size < 100_000


def test_forgetting_drops_answers_until_then_and_is_told_of(shared):
    file, other = shared(), shared()
    file.add([answer("a"), answer("late", at_us=9), answer("b", who="bob")])

    assert file.forget({"ann"}, 5) == 1
    assert other.get("a") is None
    assert (other.get("late"), other.get("b")) == (b"late", b"b")
    assert other.forgotten_after(0) == []  # that was 1970: by now everybody has heard of it


def test_what_is_forgotten_is_in_no_byte_of_the_folder(shared, tmp_path):
    file, now_us = shared(), 2**62
    file.add([Stored("id", "somebody", 1, b"private words")])

    file.forget({"somebody"}, now_us)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"private words" not in held


def test_only_the_owner_may_read_it(shared):
    path = shared().path

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("spoil", [b"", b"SQLite format 3\0" + b"\xff" * 40, b"rubbish" * 3])
def test_where_it_is_damaged_it_begins_anew_and_others_notice(shared, spoil):
    file = shared()
    file.path.write_bytes(spoil)

    new = shared()
    new.add([answer("a")])

    assert new.get("a") == b"a"
    assert not file.is_current()


def test_another_process_that_comes_and_goes_takes_nothing_away(shared, tmp_path):
    """Its log would go with it, had we opened and closed the file beside SQLite."""
    outside = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 's.sqlite')!r}); "
    outside += "print(c.execute('SELECT count(*) FROM answers').fetchone()[0]); c.close()"
    file = shared()
    file.add([answer("a")])
    SharedFile(file.path, 100).close()

    counts = []
    for name in "bc":
        done = subprocess.run([sys.executable, "-c", outside], capture_output=True, check=True)
        counts.append(int(done.stdout))
        file.add([answer(name)])

    assert counts == [1, 2]
    assert file.path.with_name("s.sqlite-wal").exists()


def test_a_file_of_another_program_is_left_alone(shared, tmp_path):
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as con:
        con.execute("PRAGMA application_id = 7")
        con.execute("CREATE TABLE theirs (a)")

    with pytest.raises(BadInputError, match="another program"):
        shared()
