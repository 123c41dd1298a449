"""From the broker to the lake: each event once, with positions, whatever comes and goes."""

import json
import re
import time
import urllib.request
from contextlib import ExitStack, closing
from functools import partial
from threading import Event as Flag
from threading import Thread

import pytest

from recomart.errors import LakeBusyError, SettingsError, StoreUnavailableError, UnavailableError
from recomart.events import EventFile, StreamFile
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.quality.quarantine import as_csv, quarantined_rows
from recomart.serving.intake import Intake, to_log
from recomart.stream import stream
from recomart.stream.commits import Commits
from recomart.stream.metrics import Metrics
from recomart.stream.running import pause, standing
from tests.events.made import event
from tests.servers import free_port, redis_server
from tests.stream.senders import Redis, told
from tests.stream.shops import Shop, until

POISON = {
    b"no json": "message is not JSON: Expecting value at character 0",
    b"\xff\xfe": "message is not UTF-8 text",
    b"": "message is not JSON: Expecting value at character 0",
    b"[" * 60_000: "message is not JSON that can be read",
    b'{"user_id": ' + b"9" * 5_000 + b"}": "message is not JSON that can be read",
    b'["two",\n"lines"]': "event is no object",
    b'"a \0"': "message is not JSON: Invalid control character at character 3",
    told(1, event_type="stare"): "event_type is none of",
    told(1, timestamp=time.time() + 86_400): "timestamp is more than 5 minutes in the future",
    told(1, device="x" * 70_000): "has 70,1",
}
"""Message → the beginning of why it is refused."""


def names(first, last):
    return sorted(f"e{number}" for number in range(first, last))


@pytest.fixture
def shop(tmp_path, redis_url):
    return Shop(tmp_path, Redis(redis_url))


def test_events_come_into_the_lake_once_with_their_positions(tmp_path, sender):
    shop = Shop(tmp_path, sender)
    sender.publish([told(number) for number in [*range(50), 7, 8, *range(50, 60)]])
    sender.publish([b"no json"])
    said = shop.once()

    assert shop.ids() == names(0, 60)
    assert [row["message"] for row in shop.rows("refused")] == ["no json"]
    assert said[-1] == "61 rows: version 1 of raw_server"
    positions = shop.manifest().details.get("positions", {})
    with closing(StreamFile(shop.log)) as file:
        assert positions == file.reach().positions
    assert bool(positions) == (not sender.url.startswith("amqp"))


def test_it_goes_on_where_it_was(shop):
    shop.sender.publish([told(number) for number in range(5)])
    shop.once()
    shop.sender.publish([told(number) for number in range(3, 9)])
    shop.once()

    assert shop.ids() == names(0, 9)
    assert shop.manifest().number == 2


def test_after_the_log_is_lost_it_begins_where_the_lake_is(tmp_path, kafka):
    shop = Shop(tmp_path, kafka)
    kafka.publish([told(number) for number in range(9)], partition=1)
    shop.once()
    kafka.publish([told(number) for number in range(9, 20)], partition=1)
    for path in shop.log.parent.glob("events.sqlite*"):
        path.unlink()
    shop.once()

    assert shop.ids() == names(0, 20)
    assert shop.manifest().counts == {"in": 20, "new": 11}


def test_poison_is_put_aside_with_its_reason_and_place_and_not_met_again(tmp_path, kafka):
    shop = Shop(tmp_path, kafka)
    kafka.publish([*POISON, *(told(number) for number in range(11))])
    shop.once()
    shop.once()
    run(shop.loaded, ["validate"])
    lake, settings = open_lake(shop.loaded), shop.loaded.settings
    rows = shop.rows("refused")
    aside = list(quarantined_rows(lake, settings))

    assert [row["place"] for row in rows] == [f"0@{k}" for k in range(len(POISON))]
    for row, (message, reason) in zip(rows, POISON.items(), strict=True):
        assert reason in row["reason"]
        kept = message.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
        assert row["message"] == kept[: 4_096 if len(message) > 65_536 else None]
    assert [one.rules for one in aside] == ["FILE-MESSAGE"] * len(POISON)
    assert lake.latest("valid_server").counts == {
        "in": 21, "valid": 11, "quarantined": 10, "duplicates": 0
    }  # fmt: skip
    assert as_csv(lake, settings, "server").count("\n") == 1


def test_paused_it_takes_nothing_until_it_is_resumed(shop):
    shop.sender.publish([told(1)])
    with shop.process() as process:
        until(shop.ids, "the first event")
        pause(shop.loaded, is_paused=True)
        time.sleep(1.0)
        shop.sender.publish([told(2)])
        time.sleep(1.0)
        assert (standing(shop.loaded).is_running, standing(shop.loaded).is_paused) == (True, True)
        assert shop.ids() == ["e1"]

        pause(shop.loaded, is_paused=False)
        until(lambda: len(shop.ids()) == 2, "the second event")
    assert process.returncode == 0


def test_while_a_run_holds_the_lake_events_are_taken_all_the_same(shop):
    lake = open_lake(shop.loaded)
    shop.sender.publish([told(1), told(2)])
    with lake.lease("a-run"):
        said = shop.once()

        assert said[-1].startswith("Not yet in the lake")
        with closing(EventFile(shop.log)) as file:
            assert len(file.read_after(0, 9)) == 2
    assert standing(shop.loaded).waiting_for_lake == 2
    shop.once()
    assert shop.ids() == ["e1", "e2"]


def test_a_run_waits_for_a_stream_that_commits_and_for_no_other_run(shop):
    def hold(run_id):
        with open_lake(shop.loaded).lease(run_id):
            time.sleep(0.5)

    for run_id, is_waited_for in (("stream-1", True), ("run-1", False)):
        holder = Thread(target=hold, args=(run_id,))
        holder.start()
        time.sleep(0.2)
        try:
            with open_lake(shop.loaded).lease("mine"):
                assert is_waited_for
        except LakeBusyError:
            assert not is_waited_for
        holder.join()


def test_one_stream_is_enough_for_a_log(shop):
    with shop.process():
        until(lambda: standing(shop.loaded).is_running, "the start")
        with pytest.raises(UnavailableError, match="Another `recomart stream`"):
            shop.once()


def test_who_only_looks_whether_a_stream_runs_does_not_keep_one_from_beginning(shop):
    ended = Flag()

    def look():
        while not ended.is_set():
            standing(shop.loaded)

    lookers = [Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(5):
            shop.once()
    finally:
        ended.set()
        for looker in lookers:
            looker.join()


def test_without_a_source_that_drains_the_log_it_does_not_begin(shop):
    (shop.folder / "recomart.yaml").write_text("stream: {url: 'redis://127.0.0.1:1/0'}\n")

    with pytest.raises(SettingsError, match="No source brings the event log"):
        shop.once()


def test_a_broker_that_is_down_at_the_start_is_told(tmp_path):
    shop = Shop(tmp_path, Redis(f"redis://127.0.0.1:{free_port()}/0"))

    with pytest.raises(StoreUnavailableError, match="Redis at"):
        shop.once()


@pytest.fixture
def running():
    with ExitStack() as stack:
        yield stack


def test_a_broker_that_goes_away_is_waited_for(tmp_path, running):
    kept, port = ("--dir", str(tmp_path), "--appendonly", "yes"), free_port()
    with redis_server(port, *kept) as url:
        shop = Shop(tmp_path, Redis(url))
        shop.sender.publish([told(number) for number in range(5)])
        process = running.enter_context(shop.process("--metrics-port", "0"))
        until(lambda: len(shop.ids()) == 5, "the first events")
    [metrics] = re.findall(r"Metrics at (\S+)", shop.told())
    until(lambda: "recomart_stream_up 0.0" in asked(metrics), "word of it")
    with redis_server(port, *kept):
        shop.sender.publish([told(number) for number in range(5, 9)])
        until(lambda: len(shop.ids()) == 9, "the events after it")
        assert "recomart_stream_up 1.0" in asked(metrics)
        running.close()

    assert process.returncode == 0
    assert "RM-402" in (tmp_path / "logs" / "ingestion.log").read_text(encoding="utf-8")


def asked(url):
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own, on loopback
        return answer.read().decode()


def test_whoever_serves_knows_of_an_event_at_once(shop):
    seen, asked_at = [], time.monotonic()
    intake = Intake(
        shop.log,
        partial(to_log, shop.loaded),
        lambda events: seen.extend((time.monotonic(), *e) for e in events),
    )
    shop.sender.publish([told(1)])
    with shop.process():
        intake.start()
        until(lambda: len(seen) == 1, "the first event")
        asked_at = time.monotonic()
        shop.sender.publish([told(2, user_id="bob", session_id="visit")])
        until(lambda: len(seen) == 3, "the event of bob and of the visit")
        intake.close()

    assert {(who, what.item_id) for _, who, what in seen[1:]} == {("bob", "mug"), ("visit", "mug")}
    assert max(at for at, *_ in seen) - asked_at < 1.0


def test_a_commit_that_fails_as_nobody_foresaw_ends_the_stream(shop, monkeypatch):
    monkeypatch.setattr("recomart.stream.commits.Intake", lambda *_: 1 / 0)
    shop.sender.publish([told(1)])

    with pytest.raises(ZeroDivisionError):
        stream(shop.loaded)
    with closing(EventFile(shop.log)) as file:
        assert file.newest_seq() == 1


def test_a_commit_that_fails_is_counted_and_tried_again(shop, monkeypatch):
    failures, once = iter([StoreUnavailableError("The lake", "away")]), Commits.once

    def failing(self):
        if error := next(failures, None):
            raise error
        once(self)

    monkeypatch.setattr(Commits, "once", failing)
    with closing(EventFile(shop.log)) as file:
        file.add([event(1)])
    metrics, ended = Metrics(), Flag()
    commits = Commits(shop.loaded, "stream-1", metrics, lambda _: None)
    thread = Thread(target=commits.run, args=(ended, Flag()))
    thread.start()
    until(lambda: shop.ids() == ["e1"], "the second commit")
    ended.set()
    thread.join()

    assert metrics.registry.get_sample_value("recomart_stream_lake_failures_total") == 1
    assert metrics.registry.get_sample_value("recomart_stream_lake_commits_total") == 1


def test_what_is_taken_is_measured(shop):
    shop.sender.publish([told(1), told(1), b"poison"])
    with shop.process("--metrics-port", "0"):
        until(lambda: len(shop.rows("refused")) == 1, "the events")
        [url] = re.findall(r"Metrics at (\S+)", shop.told())
        until(lambda: "recomart_stream_waiting 0.0" in asked(url), "the commit")
        found = asked(url)

    for line in (
        'recomart_stream_messages_total{outcome="accepted"} 1.0',
        'recomart_stream_messages_total{outcome="duplicate"} 1.0',
        'recomart_stream_messages_total{outcome="refused"} 1.0',
        "recomart_stream_lake_rows_total 2.0",
        "recomart_stream_up 1.0",
        "recomart_stream_paused 0.0",
    ):
        assert f"{line}\n" in found


def test_a_full_disk_is_waited_for_and_loses_nothing(shop, monkeypatch):
    failures = iter([True, True, False])
    take = StreamFile.take

    def failing(self, *told):
        if next(failures, False):
            raise StoreUnavailableError("The event log", "database or disk is full")
        return take(self, *told)

    monkeypatch.setattr(StreamFile, "take", failing)
    monkeypatch.setattr("recomart.stream.consumer.AGAIN_S", (0.01,))
    shop.sender.publish([told(1), told(2)])
    shop.once()

    assert shop.ids() == ["e1", "e2"]


def test_events_out_of_order_and_of_other_clocks_are_taken_as_they_are(shop):
    shop.sender.publish([
        told(1, timestamp="2020-01-01T00:00:00+05:30"), told(2, timestamp=946_684_800)
    ])  # fmt: skip
    shop.once()

    occurred = {row["event_id"]: row["occurred_at"] for row in shop.rows()}
    assert occurred == {"e1": "2019-12-31T18:30:00+00:00", "e2": "2000-01-01T00:00:00+00:00"}


def test_the_status_tells_how_far_it_is(shop):
    shop.sender.publish([told(1)])
    shop.once()
    found = standing(shop.loaded)

    assert (found.is_running, found.is_paused, found.waiting_for_lake) == (False, False, 0)
    [partition] = found.partitions
    assert partition.taken == partition.in_lake
    assert json.dumps(partition.taken)
