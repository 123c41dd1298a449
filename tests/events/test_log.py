"""The log of a process: many callers at once, each with its own answer, never too many."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from recomart.errors import (
    BadInputError,
    EventLogFullError,
    StoreUnavailableError,
    UnavailableError,
)
from recomart.events import EventFile, EventLog
from tests.events.made import event, events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


@contextmanager
def held_up(log):
    """Hold the writer up, with one event in its hands, until the block ends; give group sizes."""
    go_on, add, has_come, sizes = threading.Event(), log._place.add, threading.Event(), []

    def later(batch):
        has_come.set()
        go_on.wait()
        sizes.append(len(batch))
        return add(batch)

    log._place.add = later
    first = log.append([event("first")])
    has_come.wait()
    try:
        yield sizes
    finally:
        go_on.set()
        first.result(10)


def ids(path):
    with closing(EventFile(path)) as log_file:
        return [found.event_id for _, found in log_file.read_after(0, 100_000)]


def test_many_callers_at_once_each_get_their_own_answer(path):
    def call(caller):
        mine = [event(f"{caller}-{n}") for n in range(5)]
        answers = [log.append([one, event("shared")]).result(10) for one in mine]
        return [own for own, _ in answers], [shared for _, shared in answers]

    with EventLog(path) as log, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(40)))

    assert all(own == ["accepted"] * 5 for own, _ in answers)
    assert sum(shared.count("accepted") for _, shared in answers) == 1
    assert len(ids(path)) == len(set(ids(path))) == 201


def test_what_waits_goes_to_the_disk_together(path):
    with EventLog(path) as log:
        with held_up(log) as sizes:
            answers = [log.append([event(n)]) for n in range(50)]
        assert [answer.result(10) for answer in answers] == [["accepted"]] * 50
    assert sizes == [1, 50]


def test_no_events_are_no_trouble(path):
    with EventLog(path) as log:
        assert log.append([]).result(10) == []


def test_closing_writes_and_answers_what_waits(path):
    log = EventLog(path)
    answers = [log.append(events(n, n + 10)) for n in range(0, 10_000, 10)]
    log.close()

    assert all(answer.result(0) == ["accepted"] * 10 for answer in answers)
    assert len(ids(path)) == 10_000
    with pytest.raises(UnavailableError, match="is closed"):
        log.append([event(1)])


def test_too_many_that_wait_are_refused_and_told_when_to_come_again(path):
    with EventLog(path, most_events=10) as log:
        with held_up(log):
            waiting = log.append(events(0, 9))
            with pytest.raises(EventLogFullError) as refused:
                log.append([event(9)])
            assert log.n_waiting == 10
        assert 1 <= refused.value.retry_after_s <= 60
        assert waiting.result(10) == ["accepted"] * 9
        log.append([event(9)]).result(10)
        assert log.append([event(9)]).result(10) == ["duplicate"]


def test_large_events_count_for_more(path):
    large = event("large", user_id="x" * 250, item_id="y" * 250, device="z" * 250)
    with EventLog(path, most_bytes=6_000) as log, held_up(log):
        log.append([large] * 4)
        with pytest.raises(EventLogFullError):
            log.append([large])
        with pytest.raises(BadInputError, match="at once"):
            log.append([large] * 6)
        log.append([event("small")])


def test_a_request_larger_than_the_queue_is_refused_for_good(path):
    with EventLog(path, most_events=10) as log, pytest.raises(BadInputError, match="most 10"):
        log.append(events(0, 11))


def test_whoever_has_gone_is_not_waited_for(path):
    with EventLog(path) as log:
        with held_up(log):
            gone, kept = log.append([event(1)]), log.append([event(2)])
            assert gone.cancel()
        assert kept.result(10) == ["accepted"]
    assert ids(path) == ["efirst", "e2"]
    assert log.n_waiting == 0


def test_what_cannot_be_written_spoils_nobody_else_s_events(path):
    with EventLog(path) as log:
        with held_up(log):
            answers = [log.append([event(n)]) for n in (1, "\ud800", 2)]
        assert answers[0].result(10) == answers[2].result(10) == ["accepted"]
        with pytest.raises(UnicodeEncodeError):
            answers[1].result(10)
    assert ids(path) == ["efirst", "e1", "e2"]


def test_a_log_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailableError):
        EventLog(tmp_path / "file" / "events.sqlite")
