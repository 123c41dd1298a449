"""A stream's file: events, what was refused and the position behind them, all or nothing."""

from contextlib import closing

import pytest

from recomart.events import EventFile, Refused, StreamFile, Tail
from tests.events.made import NOW_US, event, events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


@pytest.fixture
def file(path):
    with closing(StreamFile(path)) as file:
        yield file


def refused(place, **changes):
    return Refused(place, NOW_US, "is no event", "text")._replace(**changes)


def test_it_tells_what_was_new_what_was_known_and_what_was_refused(file):
    file.take("s", events(0, 3), [refused("0@3")], {"0": "3"})
    again = file.take("s", [event(2), event(4), event(4)], [refused("0@3"), refused("0@9")], {})

    assert again == (1, 3, 1)


def test_what_was_refused_draws_its_number_from_the_row_of_the_events(file):
    file.take("s", [], [refused("0@1"), refused("0@2")], {})
    file.take("s", events(0, 2), [refused("0@5")], {})
    file.add(events(2, 3))

    assert [seq for seq, _ in file.read_after(0, 9)] == [3, 4, 6]
    assert [one.place for _, one in file.refused_between(1, 5)] == ["0@2", "0@5"]
    assert file.newest_seq() == 6


def test_a_transaction_that_fails_has_taken_nothing_and_come_nowhere(file):
    with pytest.raises(TypeError):
        file.take("s", events(0, 3), [None], {"0": "3"})

    assert file.reach() == (0, {})
    assert file.take("s", events(0, 3), [], {"0": "3"}).accepted == 3


def test_positions_are_kept_by_stream_and_partition(file, path):
    file.take("a", [], [], {"0": "7", "1": "8"})
    file.take("a", [], [], {"1": "9"})
    file.take("b", [], [], {"": "170-0"})
    with closing(StreamFile(path)) as other:
        assert other.reach().positions == {"a": {"0": "7", "1": "9"}, "b": {"": "170-0"}}
        assert other.positions("c") == {}


def test_a_log_that_never_met_a_stream_is_given_what_it_needs(path):
    with closing(EventFile(path)) as old:
        old.add(events(0, 2))
        with closing(StreamFile(path)) as file:
            file.take("s", events(1, 4), [], {"0": "1"})
        assert old.add(events(0, 5)) == [*["duplicate"] * 4, "accepted"]


def test_whoever_follows_the_log_hears_of_events_alone(file, path):
    with closing(Tail(path, 0)) as tail:
        file.take("s", events(0, 2), [refused("0@1")], {})
        file.take("s", events(2, 3), [], {})

        assert tail.poll() == events(0, 3)


def test_what_is_old_and_drained_is_forgotten_and_may_come_again(file):
    old = refused("0@1", arrived_us=NOW_US - 10)
    file.take("s", [event(1, arrived_us=NOW_US - 10)], [old, refused("0@2")], {})

    assert file.prune(up_to_seq=3, arrived_before_us=NOW_US) == 2
    assert file.take("s", [], [old, refused("0@2")], {}) == (0, 1, 1)


def test_a_pause_lasts_until_it_is_taken_back(file, path):
    file.pause("s", is_paused=True)
    file.pause("s", is_paused=True)
    with closing(StreamFile(path)) as other:
        assert (other.is_paused("s"), other.is_paused("t")) == (True, False)
        other.pause("s", is_paused=False)

    assert not file.is_paused("s")
