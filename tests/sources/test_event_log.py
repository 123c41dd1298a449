"""The event log drained: each event lands in the lake once, whatever ends the run."""

from contextlib import closing

import pytest

from recomart.errors import IntegrityError
from recomart.events import EventFile
from recomart.lake import Workbench
from recomart.quality.stage import validate
from recomart.settings import Settings
from recomart.sources.stage import ingest, take_file
from tests.events.made import NOW_US, event, events

DAY_US = 86_400_000_000
HEADER = (
    b"event_id,user_id,item_id,event_type,occurred_at,arrived_at,session_id,device,price,quantity,"
    b"rating,transaction_id,recommendation_id\n"
)


@pytest.fixture
def log_file(tmp_path):
    with closing(EventFile(tmp_path / "data" / "events.sqlite")) as log_file:
        yield log_file


@pytest.fixture
def drain(make_bench):
    """Ingest from the log of the folder and return the bench."""

    def drain(now_us=NOW_US, **source):
        tree = {"sources": {"shop": {"kind": "event_log", **source}}}
        bench = make_bench("ingestion", Settings.model_validate(tree), now_us=now_us)
        ingest(bench)
        return bench

    return drain


def files(bench):
    entries = bench.lake.latest("raw_shop").files
    return {entry.details["name"]: bench.lake.objects.get(entry.key) for entry in entries}


def ids(bench):
    lines = [line for data in files(bench).values() for line in data.splitlines()[1:]]
    return sorted(line.partition(b",")[0].decode() for line in lines)


def test_events_become_a_file_in_the_raw_layer(log_file, drain):
    odd = event(2, item_id='a,"b', session_id="s", price=2.5, arrived_us=NOW_US + 1)
    log_file.add([event(1), odd])

    bench = drain()

    assert files(bench) == {
        "events-000000000002.csv": HEADER
        + b"e1,ann,mug,view,2025-12-31T23:59:59+00:00,2026-01-01T00:00:00+00:00,,,,,,,\n"
        + b'e2,ann,"a,""b",view,2025-12-31T23:59:59+00:00,2026-01-01T00:00:00.000001+00:00,'
        + b"s,,2.5,,,,\n"
    }
    [entry] = bench.lake.latest("raw_shop").files
    assert (entry.rows, entry.details["last_seq"]) == (2, 2)


def test_each_drain_brings_what_is_new(log_file, drain):
    log_file.add(events(0, 3))
    drain()
    log_file.add(events(2, 5))
    bench = drain()

    assert ids(bench) == [f"e{n}" for n in range(5)]
    assert bench.lake.latest("raw_shop").counts == {"in": 5, "new": 2}


def test_a_drain_with_nothing_new_adds_nothing(log_file, drain):
    log_file.add(events(0, 3))
    first, second = drain(), drain(NOW_US + DAY_US)

    assert second.lake.latest("raw_shop") == first.lake.latest("raw_shop")


def test_a_log_not_yet_begun_gives_a_file_without_rows(drain, tmp_path):
    bench = drain()

    assert files(bench) == {"events-000000000000.csv": HEADER}
    assert not (tmp_path / "data").exists()


def test_many_events_are_drained_in_portions(log_file, drain, monkeypatch):
    monkeypatch.setattr("recomart.sources.event_log.ROWS", 7)
    log_file.add(events(0, 50))

    assert ids(drain()) == sorted(f"e{n}" for n in range(50))


def test_a_run_that_ends_before_its_manifest_has_drained_nothing(log_file, drain, monkeypatch):
    log_file.add(events(0, 3))
    with monkeypatch.context() as patched:
        patched.setattr(Workbench, "commit", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drain(NOW_US + 30 * DAY_US)
    assert len(log_file.read_after(0, 10)) == 3

    log_file.add(events(3, 5))
    assert ids(drain()) == [f"e{n}" for n in range(5)]


def test_a_run_that_ends_before_the_log_is_pruned_drains_nothing_twice(
    log_file, drain, monkeypatch
):
    log_file.add(events(0, 3))
    with monkeypatch.context() as patched:
        patched.setattr(EventFile, "prune", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drain(NOW_US + 30 * DAY_US)
    assert len(log_file.read_after(0, 10)) == 3

    assert ids(drain(NOW_US + 30 * DAY_US)) == ["e0", "e1", "e2"]
    assert log_file.read_after(0, 10) == []


def test_the_log_forgets_only_what_is_drained_and_older_than_the_settings_say(log_file, drain):
    log_file.add([event(n, arrived_us=NOW_US + n * DAY_US) for n in range(10)])

    drain(NOW_US + 9 * DAY_US + 1, dedup_days=7)

    assert [found.event_id for _, found in log_file.read_after(0, 99)] == [
        f"e{n}" for n in range(3, 10)
    ]
    assert log_file.add([event(2), event(3)]) == ["accepted", "duplicate"]


def test_another_log_in_the_place_of_the_first_is_drained_from_its_beginning(
    log_file, drain, tmp_path
):
    log_file.add(events(0, 5))
    drain()
    log_file.close()
    (tmp_path / "data" / "events.sqlite").unlink()
    with closing(EventFile(tmp_path / "data" / "events.sqlite")) as other:
        other.add(events(5, 8))
        bench = drain()

    assert ids(bench) == [f"e{n}" for n in range(8)]


def test_many_files_of_a_day_that_is_over_become_one(log_file, drain):
    for number in range(30):
        log_file.add([event(number)])
        drain(NOW_US + number)
    bench = drain(NOW_US + 40)
    assert len(files(bench)) == 30
    validate(bench)

    log_file.add([event(30)])
    bench = drain(NOW_US + DAY_US)
    manifest = bench.lake.latest("raw_shop")

    assert sorted(entry.partition for entry in manifest.files) == [
        "2026/01/01/events-day-000000000030.csv",
        "2026/01/02/events-000000000031.csv",
    ]
    assert files(bench)["events-day-000000000030.csv"].startswith(HEADER)
    assert ids(bench) == sorted(f"e{number}" for number in range(31))
    assert manifest.counts == {"in": 31, "new": 1}
    validate(bench)
    assert bench.lake.latest("valid_shop").counts == {
        "in": 31, "valid": 31, "quarantined": 0, "duplicates": 0
    }  # fmt: skip
    assert drain(NOW_US + 2 * DAY_US).lake.latest("raw_shop") == manifest


def test_a_damaged_log_ends_the_run_and_harms_nothing(log_file, drain, tmp_path):
    log_file.add(events(0, 3))
    before = drain().lake.latest("raw_shop")
    log_file.close()
    path = tmp_path / "data" / "events.sqlite"
    path.write_bytes(b"no database" * 1_000)

    with pytest.raises(IntegrityError):
        drain()
    path.unlink()
    assert drain().lake.latest("raw_shop") == before


def test_mended_rows_are_taken_by_hand(log_file, drain, tmp_path):
    log_file.add(events(0, 2))
    bench = drain()
    mended = tmp_path / "mended.csv"
    mended.write_bytes(HEADER + b"e9,ann,mug,view,2025-06-01,2025-06-01,,,,,,,\n")

    assert take_file(bench, "shop", mended) == 1
    assert ids(drain()) == ["e0", "e1", "e9"]
