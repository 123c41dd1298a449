"""The stream: from a broker to the committed lake, and to the next list; killed 100 times.

Run with ``python -m benchmarks.stream``. The brokers are librdkafka's mock cluster, in a process of
its own, and a real Redis; both hold all messages before `recomart stream` begins, and share the
cores with it. A rate counts from the first message taken to the commit of the last; the start of
the process, some two seconds, is told beside it. A list is asked of `recomart serve` over a small
shop, again and again until an event that was published has changed it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_report import RESULTS, origin
from recomart.events import EventFile, Tail
from recomart.lake import Draft, FileEntry, open_lake
from recomart.settings import load_settings
from recomart.stream.commits import Commits
from recomart.stream.metrics import Unmeasured
from tests.chaos.served import serving
from tests.events.made import event
from tests.servers import nats_server, rabbitmq_server, redis_server
from tests.stream.senders import Kafka, Nats, Rabbit, Redis, kafka_cluster
from tests.stream.shops import Shop, until
from tests.trained import copy_of, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.chaos.served import Served
    from tests.stream.senders import Sender

N, N_SLOW, N_SEEN, N_LISTS, N_KILLS = 400_000, 50_000, 400, 20, 100
FILES = (100, 1_000, 10_000)
TARGETS = {"kafka_per_s": 20_000, "redis_per_s": 20_000, "list_max_s": 2.0, "lost": 0, "doubled": 0}


def told(k: int, first_ms: int) -> bytes:
    """Make up what a shop sends, without an id."""
    event = {
        "user_id": f"user-{k * 7919 % 100_000}",
        "item_id": f"item-{k * 104_729 % 20_000}",
        "event_type": "view",
        "timestamp": first_ms + k,
        "session_id": f"session-{k % 5_000}",
        "device": "phone",
    }
    return json.dumps(event).encode()


def be_cluster(n: int) -> None:
    """Be a process with a mock cluster that holds n messages; tell where, and stay."""
    from confluent_kafka import Producer

    options = {"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0}
    producer = Producer({**options, "compression.type": "zstd", "linger.ms": 20})
    [broker] = producer.list_topics(timeout=10).brokers.values()
    first_ms = round(time.time() * 1e3) - 2 * n
    for k in range(n):
        while True:
            with suppress(BufferError):
                producer.produce("events", told(k, first_ms), partition=k // 1_000 % 4)
                break
            producer.poll(0.1)
    producer.flush()
    print(f"{broker.host}:{broker.port}", flush=True)
    sys.stdin.read()


@contextmanager
def full_kafka(n: int) -> Iterator[Kafka]:
    """Give a cluster that holds n messages."""
    with kafka_cluster("-m", "benchmarks.stream", "--cluster", str(n)) as (_, address):
        yield Kafka(address, "events")


@contextmanager
def full(sender: Sender, n: int) -> Iterator[Sender]:
    """Publish n messages first."""
    first_ms = round(time.time() * 1e3) - 2 * n
    for first in range(0, n, 5_000):
        sender.publish([told(k, first_ms) for k in range(first, min(n, first + 5_000))])
    yield sender


def taken(folder: Path, name: str, sender: Sender, n: int) -> dict[str, object]:
    """Let a stream take n messages; return how many a second, as seen in the lake."""
    folder.mkdir()
    shop = Shop(folder, sender, commit_s=2)
    began = time.monotonic()
    with shop.process():
        until(shop.log.exists, "the log")
        with closing(EventFile(shop.log)) as file:
            until(file.newest_seq, "the first event")
        first = time.monotonic()
        until(lambda: (m := shop.manifest()) is not None and m.rows == n, "the last commit", 300)
        last = time.monotonic()
        until(lambda: (m := shop.manifest()) is not None and m.rows == n, "no more", 5)
    return {f"{name}_per_s": round(n / (last - first)), f"{name}_start_s": round(first - began, 2)}


def rates(folder: Path) -> dict[str, object]:
    """Measure each broker."""
    found: dict[str, object] = {}
    with full_kafka(N) as kafka:
        found |= taken(folder / "kafka", "kafka", kafka, N)
    with redis_server() as url, full(Redis(url), N) as redis:
        found |= taken(folder / "redis", "redis", redis, N)
    with nats_server() as url, full(Nats(url), N_SLOW) as nats:
        found |= taken(folder / "nats", "nats", nats, N_SLOW)
    with rabbitmq_server() as url, full(Rabbit(url), N_SLOW) as rabbit:
        found |= taken(folder / "rabbit", "rabbitmq", rabbit, N_SLOW)
    return found


def percentiles(seconds: list[float], unit: str = "s") -> dict[str, float]:
    """Return the median, and the worst of a hundred."""
    p50, p99 = np.percentile(seconds, [50, 99])
    return {f"p50_{unit}": round(float(p50), 3), f"p99_{unit}": round(float(p99), 3)}


def seen(folder: Path) -> dict[str, object]:
    """Measure from publishing an event until whoever keeps sessions hears of it."""
    seconds = []
    with redis_server() as url:
        shop = Shop(folder, Redis(url))
        with shop.process():
            until(shop.log.exists, "the log")
            time.sleep(1)
            with closing(Tail(shop.log)) as tail:
                for k in range(N_SEEN):
                    began = time.monotonic()
                    shop.sender.publish([told(k, round(began * 1e3) + 10**12)])
                    until(tail.poll, "the event")
                    seconds.append(time.monotonic() - began)
    return {f"seen_{k}": v for k, v in percentiles(seconds).items()}


@contextmanager
def lists_of(folder: Path, **stream: object) -> Iterator[tuple[Served, Sender]]:
    """Serve a small shop by two workers beside its stream."""
    train(folder / "trained")
    copy_of(folder / "trained", folder / "lists")
    with redis_server() as url:
        shop = Shop(folder / "lists", Redis(url), commit_s=60, **stream)
        with serving(shop.folder) as served, shop.process():
            until(lambda: "Taking" in shop.told(), "the stream")
            yield served, shop.sender


def changed_lists(folder: Path) -> dict[str, object]:
    """Measure from publishing an event until the list of its user is another."""
    with lists_of(folder) as (served, sender):
        seconds = [
            _until_changed(
                f"visitor-{k}", lambda user_id: _listed(served.http, user_id),
                lambda told: sender.publish([json.dumps(told).encode()]),
            )
            for k in range(N_LISTS)
        ]  # fmt: skip
    return {**{f"list_{k}": v for k, v in percentiles(seconds).items()}, "list_max_s": max(seconds)}


def posted(folder: Path) -> dict[str, object]:
    """Measure events that are posted and published: the request, and until all workers know."""
    with lists_of(folder, publish="true") as (served, _):
        requests: list[float] = []

        def post(told: dict[str, object]) -> None:
            began = time.monotonic()
            served.http.post("/events", json=told).raise_for_status()
            requests.append(time.monotonic() - began)

        seconds = [
            _until_changed(f"visitor-{k}", lambda user_id: _of_all(served, user_id), post)
            for k in range(N_LISTS)
        ]
    return {
        **{f"posted_{k}": v for k, v in percentiles(requests).items()},
        **{f"posted_list_{k}": v for k, v in percentiles(seconds).items()},
        "posted_list_max_s": max(seconds),
    }


def _listed(http: httpx.Client, user_id: str) -> list[str]:
    answer = http.post("/recommendations", json={"user_id": user_id}).raise_for_status()
    return [line["item_id"] for line in answer.json()["items"]]


def _of_all(served: Served, user_id: str) -> list[str]:
    """Return what is in any of eight lists, over connections that either worker may take."""
    lists = [served.recommended(user_id).json()["items"] for _ in range(8)]
    return list(dict.fromkeys(line["item_id"] for one in lists for line in one))


def _until_changed(
    user_id: str,
    listed: Callable[[str], list[str]],
    publish: Callable[[dict[str, object]], None],
) -> float:
    """Measure from a purchase until what was bought is listed no more."""
    [item_id, *_] = listed(user_id)
    event = {"user_id": user_id, "item_id": item_id, "event_type": "purchase"}
    began = time.monotonic()
    publish({**event, "timestamp": time.time()})
    until(lambda: item_id not in listed(user_id), "another list")
    return round(time.monotonic() - began, 3)


def kills(_: Path) -> dict[str, object]:
    """Kill the consumer again and again: see tests/stream/test_crash.py."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command += ["-m", "", "-o", "faulthandler_timeout=0", "tests/stream/test_crash.py"]
    told_of = {**os.environ, "RECOMART_KILLS": str(N_KILLS)}
    done = subprocess.run(command, env=told_of, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stdout[-3_000:])
    return {"kills": N_KILLS, "lost": 0, "doubled": 0, "kills_told": done.stdout.splitlines()[-1]}


def commit_by_files(folder: Path) -> dict[str, object]:
    """Measure a commit of one event, by how many files the newest version has already."""
    shop = Shop(folder, Redis("redis://127.0.0.1:1/0"))
    loaded = load_settings(folder, environment={})
    commits = Commits(loaded, "stream-bench", Unmeasured(), lambda _: None)
    found: dict[str, object] = {}
    for n_files in FILES:
        _make_files(commits, n_files)
        with closing(EventFile(shop.log)) as file:
            file.add([event(n_files)])
        began = time.perf_counter()
        commits.once()
        found[f"commit_at_{n_files}_files_ms"] = round(1e3 * (time.perf_counter() - began), 1)
    manifest = open_lake(loaded).latest("raw_server")
    found["manifest_bytes_a_file"] = len(manifest.model_dump_json()) // len(manifest.files)
    return found


def _make_files(commits: Commits, n_files: int) -> None:
    """Publish a version that names so many files; nobody reads them."""
    lake, making = commits.bench.lake, commits.bench.making
    before = lake.find("raw_server")
    draft = Draft(lake, "raw_server")
    for entry in before.files if before else ():
        draft.keep(entry)
    for number in range(len(draft.files), n_files):
        details: dict[str, Any] = {
            "log_id": "other", "last_seq": number, "name": f"events-{number:012d}.csv",
            "known_as": [["data/events.sqlite", 1, number]], "ingested_us": 1, "date": None,
            "compression": "", "unpacked_bytes": 1, "lines": 1, "has_quote": False,
            "has_nul": False, "is_utf8": True, "final_newline": True, "fault": None,
        }  # fmt: skip
        name = f"2026/01/01/events-{number:012d}.csv"
        draft.keep(
            FileEntry(
                key=f"raw/server/{name}",
                partition=name,
                bytes=1,
                rows=1,
                sha256="0" * 64,
                details=details,
            )
        )
    draft.commit(making)


PARTS: dict[str, Callable[[Path], dict[str, object]]] = {
    "rates": rates,
    "seen": seen,
    "lists": changed_lists,
    "posted": posted,
    "files": commit_by_files,
    "kills": kills,
}


def main() -> None:
    """Measure, print, write; parts that are not named keep the figures that they have."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cluster", type=int, metavar="N", help="be one")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    given = parser.parse_args()
    if given.cluster:
        be_cluster(given.cluster)
        return
    written = RESULTS / "stream.json"
    found = json.loads(written.read_text(encoding="utf-8"))["found"] if written.exists() else {}
    with tempfile.TemporaryDirectory(dir=RESULTS) as root:  # /tmp may be memory
        for name in given.parts or PARTS:
            folder = Path(root) / name
            folder.mkdir()
            found |= PARTS[name](folder)
            result = {**origin("python -m benchmarks.stream"), "found": found, "targets": TARGETS}
            written.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
