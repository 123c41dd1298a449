"""Serving at RetailRocket's size: lists, events and overload over HTTP, beside their parts.

Run with ``python -m benchmarks.serving [--quick]``. The shop (benchmarks/serving_shop.py) has 235
thousand items, 1.4 million users and a cascade; the load comes from the same machine, so that it
takes a part of what is measured. Beside the lists stand the bare engine (one process, no HTTP) and
an empty FastAPI endpoint on the same server under the same load: of what both allow together, 80 %
is wanted. Who asks is drawn from the log of events; one in five is a session that is not known.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_report import RESULTS, origin
from benchmarks.load import closed_loop, get, open_loop, post
from benchmarks.serving_shop import serving_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.load import Seen
    from recomart.ranking.shop import Shop
    from recomart.serving.words import Asked

WORKERS, RATE, IN_FLIGHT = 2, 1_000, 16
QUESTIONS, BATCH, CHANGES, MOST_TRIES = 4_000, 1_000, 200, 200
TARGETS = {
    "lists_per_s": 1_000,
    "p90_ms": 7.0,
    "p99_ms": 15.0,
    "share_of_allowed": 0.8,
    "single_events_per_s": 2_000,
    "batched_events_per_s": 100_000,
    "event_to_list_p99_ms": 50.0,
    "ready_s": 3.0,
    "memory_gib": 2.0,
    "overload_goodput": 0.9,
    "overload_refusal_p99_ms": 50.0,
    "recovery_s": 5.0,
}
AT_LEAST = (
    *("lists_per_s", "share_of_allowed", "single_events_per_s"),
    *("batched_events_per_s", "overload_goodput"),
)


def questions(shop: Shop) -> list[dict[str, Any]]:
    """Draw who asks: users by their events, and sessions of one to four items."""
    drawn = np.random.default_rng(7)
    entries = drawn.integers(0, shop.history.nnz, QUESTIONS)
    users = np.searchsorted(shop.history.indptr, entries, side="right") - 1
    asked: list[dict[str, Any]] = []
    for place, user in enumerate(users.tolist()):
        if place % 5:
            asked.append({"user_id": shop.users[user].as_py(), "n_items": 10})
        else:
            taken = drawn.integers(0, shop.history.nnz, 1 + place % 4)
            items = [shop.told(int(shop.history.indices[at])).item_id for at in taken]
            asked.append({"items": items, "n_items": 10})
    return asked


def engine_alone(place: Path, asked: list[dict[str, Any]]) -> dict[str, float]:
    """Ask the engine in this process: CPU and wall time of a list, ms."""
    engine, words = open_engine(place), [_asked(one) for one in asked[:1_000]]
    for one in words[:200]:
        engine.recommend(one)
    times, cpu = [], time.process_time()
    for one in words:
        began = time.perf_counter()
        engine.recommend(one)
        times.append(1e3 * (time.perf_counter() - began))
    cpu = 1e3 * (time.process_time() - cpu) / len(words)
    p50, p99 = np.percentile(times, [50, 99]).round(2).tolist()
    return {"cpu_ms": round(cpu, 3), "p50_ms": p50, "p99_ms": p99}


def open_engine(place: Path) -> Any:  # noqa: ANN401 -- imported late
    """Load what `recomart serve` would."""
    from recomart.features.online import OnlineFeatures, open_online
    from recomart.lake import open_lake
    from recomart.models.parallel import hold_blas_to_one_thread
    from recomart.serving.engine import Engine
    from recomart.serving.loading import Loader
    from recomart.serving.sessions import Sessions
    from recomart.settings import load_settings

    hold_blas_to_one_thread()
    loaded = load_settings(place, environment={})
    online = OnlineFeatures(open_online(loaded.settings.paths.online, loaded.folder))
    served = Loader(open_lake(loaded), online, loaded.settings.serving).first()
    return Engine(served, Sessions(), loaded.settings.serving)


def _asked(one: dict[str, Any]) -> Asked:
    from recomart.serving.words import Asked

    return Asked(one.get("user_id", ""), one["n_items"], items=tuple(one.get("items", ())))


@contextmanager
def running(*command: str) -> Iterator[tuple[int, float, int]]:
    """Run a server; yield its port, the seconds until it answered, its process id."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *command], stderr=said, stdout=said, cwd=RESULTS.parents[1]
        )
        try:
            port = _port(process, Path(f"/proc/{os.getpid()}/fd/{said.fileno()}"))
            closed_loop(port, [get("/health/ready")], 0.01, connections=1)  # waits for a worker
            yield port, time.perf_counter() - began, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _port(process: subprocess.Popen[bytes], said: Path) -> int:
    """Wait until a server has said where it listens."""
    while process.poll() is None:
        found = re.search(r"Listening on http://\S+:(\d+)", said.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.005)
    sys.exit(f"The server ended:\n{said.read_text(encoding='utf-8')}")


def serving(place: Path, *options: str) -> Any:  # noqa: ANN401 -- a context
    """Serve the shop; see `running`."""
    words = [word for one in (f"serving.workers={WORKERS}", *options) for word in ("--set", one)]
    main = "from recomart.cli import main; main()"
    return running("-c", main, "-s", str(place), *words, "serve", "--port", "0")


def memory_gib(pid: int) -> float:
    """Return the proportional share of memory of a process and its children."""
    pids = [str(pid), *_children(pid)]
    lines = [
        line
        for one in pids
        for line in Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii").splitlines()
    ]
    return round(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**20, 2)


def _children(pid: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [child, *_children(int(child))]
    return found


def lists(port: int, bodies: list[bytes], seconds: float) -> dict[str, Any]:
    """Ask for lists: as many as it can, and then 1,000 a second."""
    closed_loop(port, bodies, seconds / 4, connections=IN_FLIGHT)  # warm
    most = closed_loop(port, bodies, seconds, connections=IN_FLIGHT)
    steady = open_loop(port, bodies, RATE, seconds)
    return {
        "most_per_s": most.per_s(),
        "most_ms": most.percentiles(),
        "asked_per_s": RATE,
        "answered_per_s": steady.per_s(),
        **{f"{name}_ms": value for name, value in steady.percentiles().items()},
        "statuses": steady.statuses(),
    }


def events(port: int, shop: Shop, seconds: float) -> dict[str, Any]:
    """Post events, one by one and in batches; each answer comes after its fsync."""
    drawn = random.Random(3)

    def event(number: int) -> dict[str, Any]:
        """Make one up; its id is new."""
        user, item = drawn.randrange(len(shop.users)), drawn.randrange(len(shop.items))
        return {
            "event_id": f"{number}-{drawn.getrandbits(64):x}",
            "user_id": shop.users[user].as_py(),
            "item_id": shop.told(item).item_id,
            "event_type": "view",
            "timestamp": time.time_ns() // 1_000_000,
        }

    singles = [post("/events", json.dumps(event(n)).encode()) for n in range(int(seconds * 8_000))]
    batches = [
        post("/events", json.dumps([event(n) for n in range(BATCH)]).encode())
        for _ in range(int(seconds * 150))
    ]
    one = closed_loop(port, singles, seconds, connections=64)
    many = closed_loop(port, batches, seconds, connections=8)
    return {
        "single_per_s": one.per_s(),
        "single_ms": one.percentiles(),
        "batched_per_s": round(many.per_s() * BATCH),
        "statuses": {"single": one.statuses(), "batches": many.statuses()},
    }


def changes(port: int, shop: Shop) -> dict[str, float]:
    """Post a view, then ask until the list knows: on connections that any worker may hold."""
    import http.client

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask on a new connection."""
        con = http.client.HTTPConnection("127.0.0.1", port)
        con.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer: dict[str, Any] = json.loads(con.getresponse().read())
        con.close()
        return answer

    drawn, times, at_once = random.Random(5), [], 0
    nobodys = _told(ask("/recommendations", {"user_id": "bench-nobody"}))
    for number in range(CHANGES):
        item = shop.told(int(shop.popular[drawn.randrange(len(shop.popular))])).item_id
        who = f"bench-{time.time_ns()}-{number}"
        event = {"session_id": who, "user_id": who, "item_id": item, "event_type": "view"}
        ask("/events", {**event, "timestamp": time.time_ns() // 1_000_000})
        began, n = time.perf_counter(), 1
        while _told(ask("/recommendations", {"user_id": who})) == nobodys and n < MOST_TRIES:
            n += 1
        times.append(1e3 * (time.perf_counter() - began))
        at_once += n == 1
    p50, p99 = np.percentile(times, [50, 99]).round(1).tolist()
    return {"p50_ms": p50, "p99_ms": p99, "known_to_the_first_list": at_once / CHANGES}


def _told(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(line["item_id"], line["score"]) for line in answer["items"]]


def overload(port: int, bodies: list[bytes], most: float, seconds: float) -> dict[str, Any]:
    """Ask for three times of what it can; before and after it, for half of that."""
    before = open_loop(port, bodies, most / 2, 10.0)
    seen = open_loop(port, bodies, 3 * most, seconds, connections=256)
    refused = sorted(seen.times_ms(429) + seen.times_ms(503))
    after = open_loop(port, bodies, most / 2, 10.0)
    return {
        "asked_per_s": round(3 * most),
        "answered_per_s": seen.per_s(),
        "goodput": round(seen.per_s() / most, 3),
        "answered_ms": seen.percentiles(),
        "refusal_p99_ms": round(refused[int(len(refused) * 0.99)], 1) if refused else 0.0,
        "statuses": seen.statuses(),
        "before_ms": before.percentiles(),
        "after_ms": after.percentiles(),
        "recovery_s": recovery_s(before, after),
    }


def recovery_s(before: Seen, after: Seen) -> float:
    """Return when the last bad second ended: with refusals, or a p90 twice what it was before."""
    usual_ms = before.percentiles()["p90"]
    last = 0
    for second in range(int(after.seconds)):
        one = after.between(second, second + 1)
        is_refused = any(status != 200 for _, _, status in one.answers)
        if is_refused or one.percentiles().get("p90", np.inf) > 2 * usual_ms:
            last = second + 1
    return float(last)


def measure(place: Path, seconds: float, overload_s: float) -> dict[str, Any]:
    """Measure everything, in one run."""
    engine = open_engine(place)
    shop, asked = engine.served.champion.shop, questions(engine.served.champion.shop)
    state = engine.served.state
    bodies = [post("/recommendations", json.dumps(one).encode()) for one in asked]
    found: dict[str, Any] = {
        "shop": {"model": state.model, "n_items": state.n_items, "n_users": state.n_users},
        "engine": engine_alone(place, asked),
    }
    with running("-m", "benchmarks.empty_endpoint") as (port, _, _):
        closed_loop(port, bodies, 1.0, connections=IN_FLIGHT)
        empty = closed_loop(port, bodies, seconds / 2, connections=IN_FLIGHT)
        found["empty"] = {"most_per_s": empty.per_s(), "most_ms": empty.percentiles()}
    with serving(place) as (port, ready_s, pid):
        found["ready_s"] = round(ready_s, 2)
        found["lists"] = lists(port, bodies, seconds)
        found["change"] = changes(port, shop)
        found["events"] = events(port, shop, seconds / 2)
        found["memory_gib"] = memory_gib(pid)
        found["overload"] = overload(port, bodies, found["lists"]["most_per_s"], overload_s)
    cores = WORKERS  # as many as the machine has; the load takes its part of both rates
    each_s = cores / found["empty"]["most_per_s"] + found["engine"]["cpu_ms"] / 1e3
    found["allowed_per_s"] = round(cores / each_s, 1)
    return found


def judged(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Hold the figures against the targets."""
    values = {
        "lists_per_s": found["lists"]["answered_per_s"],
        "p90_ms": found["lists"]["p90_ms"],
        "p99_ms": found["lists"]["p99_ms"],
        "share_of_allowed": round(found["lists"]["most_per_s"] / found["allowed_per_s"], 3),
        "single_events_per_s": found["events"]["single_per_s"],
        "batched_events_per_s": found["events"]["batched_per_s"],
        "event_to_list_p99_ms": found["change"]["p99_ms"],
        "ready_s": found["ready_s"],
        "memory_gib": found["memory_gib"],
        "overload_goodput": found["overload"]["goodput"],
        "overload_refusal_p99_ms": found["overload"]["refusal_p99_ms"],
        "recovery_s": found["overload"]["recovery_s"],
    }
    verdicts = {}
    for name, target in TARGETS.items():
        value = values[name]
        # a Poisson load of 1,000/s is met by 99 % of it: what came in the window, not what was lost
        is_met = value >= 0.99 * target if name in AT_LEAST else value <= target
        verdicts[name] = {
            "found": value,
            "target": target,
            "verdict": "met" if is_met else "MISSED",
        }
    return verdicts


def main() -> None:
    """Measure, print a table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time; nothing kept")
    is_quick = parser.parse_args().quick
    found = measure(serving_shop(), *((3.0, 6.0) if is_quick else (20.0, 60.0)))
    found["verdict"] = judged(found)
    print(f"empty endpoint   {found['empty']['most_per_s']:>9,.0f} requests/s")
    print(f"bare engine      {1e3 / found['engine']['cpu_ms']:>9,.0f} lists/s a core")
    print(f"both allow       {found['allowed_per_s']:>9,.0f} lists/s")
    print(f"/recommendations {found['lists']['most_per_s']:>9,.0f} lists/s at most")
    for name, one in found["verdict"].items():
        print(f"{name:<26}{one['found']:>12,} {one['target']:>12,}  {one['verdict']}")
    if not is_quick:
        found["origin"] = origin("python -m benchmarks.serving")
        text = json.dumps(found, indent=1) + "\n"
        (RESULTS / "serving.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
