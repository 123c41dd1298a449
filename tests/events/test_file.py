"""The file: each id once, numbers that grow, nothing forgotten too early, no file of others."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.errors import BadInputError, IntegrityError, StoreUnavailableError
from recomart.events import EventFile, Tail, file
from tests.events.made import NOW_US, event, events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "events.sqlite"


@pytest.fixture
def log_file(path):
    with closing(EventFile(path)) as opened:
        yield opened


def taken(log_file, after=0, limit=100_000):
    return [found for _, found in log_file.read_after(after, limit)]


def test_an_event_comes_back_as_it_was_given(log_file):
    told = event(
        1, session_id="s", price=2.5, rating=4.0, item_id='a,"b\u2019👩‍🚀', device="x" * 256
    )

    assert log_file.add([told, event(2)]) == ["accepted", "accepted"]
    assert taken(log_file) == [told, event(2)]


def test_an_id_is_taken_once(log_file):
    changed = event(1, item_id="pen")

    assert log_file.add([event(1), changed]) == ["accepted", "duplicate"]
    assert log_file.add([event(2), event(1), event(2)]) == ["accepted", "duplicate", "duplicate"]
    assert taken(log_file) == [event(1), event(2)]


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(0, 300), max_size=300), max_size=5))
def test_outcomes_are_those_of_a_set(tmp_path_factory, batches):
    known = set()
    with closing(EventFile(tmp_path_factory.mktemp("set") / "log")) as log_file:
        for batch in batches:
            expected = []
            for number in batch:
                expected.append("duplicate" if number in known else "accepted")
                known.add(number)

            assert log_file.add([event(number) for number in batch]) == expected
        assert {found.event_id for found in taken(log_file)} == {f"e{n}" for n in known}
        assert len(taken(log_file)) == len(known)


def test_nothing_is_taken_of_a_batch_that_fails(log_file):
    with pytest.raises(sqlite3.IntegrityError):
        log_file.add([event(1), event(2, user_id=None)])

    assert taken(log_file) == []
    assert log_file.add([event(1)]) == ["accepted"]


def test_numbers_grow_although_the_newest_are_pruned(log_file):
    log_file.add(events(0, 10))
    before = log_file.newest_seq()
    log_file.prune(before, NOW_US + 1)
    log_file.add([event(10)])

    [(seq, found)] = log_file.read_after(0, 10)
    assert (seq, found) == (log_file.newest_seq(), event(10))
    assert seq > before


def test_what_is_pruned_is_drained_and_old(log_file, monkeypatch):
    monkeypatch.setattr(file, "PRUNED_AT_ONCE", 3)
    log_file.add([event(n, arrived_us=NOW_US + n) for n in range(10)])

    assert log_file.prune(5, NOW_US + 8) == 5
    assert log_file.prune(10, NOW_US + 8) == 3
    assert log_file.prune(10, NOW_US + 8) == 0
    assert [found.event_id for found in taken(log_file)] == ["e8", "e9"]


def test_it_is_found_again_by_whoever_opens_it_next(path):
    for number in range(3):
        with closing(EventFile(path)) as log_file:
            assert log_file.newest_seq() == number
            log_file.add([event(number)])


def test_another_log_in_the_same_place_is_told_from_it(path, log_file):
    other = EventFile(path.with_name("other"))
    again = EventFile(path)

    assert other.log_id != log_file.log_id == again.log_id
    other.close()
    again.close()


def test_a_log_of_another_version_is_refused(path, log_file):
    log_file.close()
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA user_version = 9")

    with pytest.raises(BadInputError, match="an event log of version 9"):
        EventFile(path)


def test_a_database_of_somebody_else_is_refused_and_left_as_it_was(tmp_path):
    path = tmp_path / "warehouse.sqlite"
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE items (item_id TEXT)")
    before = path.read_bytes()

    with pytest.raises(BadInputError, match="no event log"):
        EventFile(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "events.sqlite"
    path.write_bytes(b"user_id,item_id\n" * 100)

    with pytest.raises(IntegrityError, match="not a database"):
        EventFile(path)


def test_a_damaged_page_is_an_error_not_an_answer(path, log_file):
    log_file.add(events(0, 5_000))
    log_file.close()
    data = bytearray(path.read_bytes())
    data[8_192:-4_096] = b"\x5a" * (len(data) - 12_288)
    path.write_bytes(data)

    damaged = EventFile(path)
    with pytest.raises(IntegrityError, match="malformed"):
        damaged.add(events(5_000, 6_000))
    with pytest.raises(IntegrityError, match="malformed"):
        taken(damaged)
    damaged.close()


def test_a_lock_that_is_not_given_back_is_waited_for_in_vain(path, log_file):
    impatient = EventFile(path, patience_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            impatient.add([event(1)])
        con.execute("ROLLBACK")

    assert impatient.add([event(1)]) == ["accepted"]
    impatient.close()


def test_a_tail_gives_every_event_once(path, log_file, monkeypatch):
    monkeypatch.setattr("recomart.events.tail.MOST_AT_ONCE", 4)
    log_file.add(events(0, 3))
    from_now, from_the_start = Tail(path), Tail(path, 0)
    log_file.add(events(3, 10))

    assert [len(from_now.poll()) for _ in range(4)] == [4, 3, 0, 0]
    assert [len(from_the_start.poll()) for _ in range(4)] == [4, 4, 2, 0]
    log_file.add([event(9), event(10)])
    assert from_now.poll() == from_the_start.poll() == [event(10)]
    assert from_now.seq == log_file.newest_seq()
    from_now.close()
    from_the_start.close()


def test_a_tail_goes_on_where_another_ended(path, log_file):
    log_file.add(events(0, 3))
    with closing(Tail(path, 0)) as first:
        first.poll()
    log_file.add(events(3, 5))

    with closing(Tail(path, first.seq)) as second:
        assert second.poll() == events(3, 5)
