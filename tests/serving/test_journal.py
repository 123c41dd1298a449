"""Journals over one file: what one worker gave, another tells of, and both forget."""

import time
from contextlib import ExitStack

import pytest

from recomart.serving.journal import Journal
from recomart.serving.records import Kept
from recomart.serving.sessions import Happened
from recomart.serving.words import Answer, Asked


def kept(name, who="ann", at_us=1):
    fresh = [Happened("i1", "view", 7)]
    return Kept(at_us, Asked(user_id=who), Answer(name, (), "model", "v1"), fresh, {"view": "v"})


def until(is_so):
    end = time.monotonic() + 10
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


@pytest.fixture
def worker(tmp_path):
    """Start journals over one file; each with a list of whom it was told to forget."""
    with ExitStack() as stack:

        def start(most=100, path=tmp_path / "shared.sqlite"):
            told = []
            journal = Journal(path, most, lambda names, _: bool(told.extend(names)))
            journal.start()
            stack.callback(journal.close)
            return journal, told

        yield start


def test_what_one_kept_another_finds(worker):
    (one, _), (other, _) = worker(), worker()

    one.add(kept("a"))

    assert one.find("a")["fresh"] == [("i1", "view", 7)]
    found = until(lambda: other.find("a"))
    assert found["asked"]["user_id"] == "ann"
    assert found["versions"] == {"view": "v"}


def test_all_forget_and_hear_of_it(worker):
    (one, _), (other, told) = worker(), worker()
    for journal, name in ((one, "a"), (other, "b")):
        journal.add(kept(name))
    until(lambda: one.find("b") and other.find("a"))

    n = one.forget({"ann", "tab-1"}, time.time_ns() // 1_000)

    assert n == 2
    assert other.find("b") is None
    assert until(lambda: len(told) == 2 and set(told)) == {"ann", "tab-1"}


def test_what_was_asked_before_is_not_kept_after(worker):
    (one, _), (other, told) = worker(), worker()
    now_us = time.time_ns() // 1_000

    one.forget({"ann"}, now_us)
    until(lambda: told)
    for journal in (one, other):
        journal.add(kept("before", at_us=now_us - 1))
        journal.add(kept("after", at_us=now_us + 1))

    assert until(lambda: other.find("after"))
    assert one.find("before") is other.find("before") is None


def test_while_the_file_cannot_be_used_answers_stay_in_memory_and_few(worker, tmp_path):
    place = tmp_path / "taken"
    place.mkdir()
    journal, _ = worker(most=3, path=place)

    for k in range(5):
        journal.add(kept(str(k)))

    assert journal.trouble
    assert [k for k in range(5) if str(k) in journal._waiting] == [2, 3, 4]

    place.rmdir()
    journal._failed_at = 0
    assert until(lambda: not journal._waiting)
    assert journal.find("4")
    assert journal.trouble is None


def test_a_file_that_is_taken_away_is_made_again(worker):
    journal, _ = worker()
    journal.path.unlink()

    journal.add(kept("a"))

    until(lambda: not journal._waiting)
    assert journal.find("a")
