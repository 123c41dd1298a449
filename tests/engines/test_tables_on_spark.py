"""What stages make of tables on Spark: the same bytes as on DuckDB."""

import gzip
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from recomart.preparation.explore import explore
from recomart.preparation.stage import prepare
from recomart.quality.report import quality_report
from recomart.quality.stage import validate
from recomart.settings import PreparationSettings, Settings
from recomart.sources.stage import ingest
from recomart.vocabulary import DAY_US, EVENT_TYPES, HOUR_US
from tests.engines.conftest import CLUSTER
from tests.engines.shops import KEYS, NOON
from tests.preparation.shop import event, product, settings, write_valid

pytestmark = pytest.mark.usefixtures("pandas_allowed")
SHOP = settings(
    events="events", api="events", c="catalogue", tree="categories", p="item_properties"
)
MADE = ("events", "item_history", "catalogue", "categories")
PRICES = (None, None, 0.0, 0.1, 1 / 3, 2.5e-7, 19.99, 1e12)
TOLD_PRICES = (
    "n3.000",
    "3",
    " 7.5 ",
    ".5",
    "5.",
    "1e400",
    "inf",
    "nan",
    "12d",
    "1_000",
    "",
    "x",
    "é",
)


def moments(rng):
    """Ties, midnights, the hour that summer time leaves out, and anything."""
    day = (NOON // DAY_US - rng.randrange(6)) * DAY_US
    within = (0, DAY_US - 1, HOUR_US, HOUR_US + 1, rng.randrange(DAY_US), rng.randrange(DAY_US))
    return day + rng.choice(within)


def odd_event(rng, number):
    row = event(
        number,
        rng.choice(KEYS["user_id"]),
        rng.choice(KEYS["item_id"]),
        rng.choice(EVENT_TYPES),
        moments(rng),
    )
    row["arrived_us"] += rng.choice([0, 1, DAY_US])
    row["price"] = rng.choice(PRICES)
    row["title"] = rng.choice([None, "", "Mug", "mug", "Tasse ☕", "a\nb"])
    row["category_id"] = rng.choice([None, *KEYS["category_id"]])
    return row


def odd_product(rng):
    told = {
        "title": rng.choice([None, "Mug", "mug"]),
        "description": rng.choice([None, "", "of clay"]),
        "brand": rng.choice([None, "ACME"]),
        "category_id": rng.choice([None, *KEYS["category_id"]]),
        "price": rng.choice(PRICES),
        "rating": rng.choice([None, 4.5]),
        "rating_count": rng.choice([None, 7, 2**40]),
        "available": rng.choice([None, True, False]),
    }
    row = product(rng.choice(KEYS["item_id"]), moments(rng), **told)
    return row | {"arrived_us": row["occurred_us"] + rng.choice([0, DAY_US])}


def odd_property(rng):
    name = rng.choice(["790", "available", "categoryid", "888"])
    value = {
        "790": rng.choice(TOLD_PRICES),
        "available": rng.choice(["1", "0", "TRUE", "no", ""]),
    }.get(name, rng.choice(KEYS["category_id"]))
    row = {"item_id": rng.choice(KEYS["item_id"]), "property": name, "value": value, "source": "p"}
    return row | dict.fromkeys(("occurred_us", "arrived_us"), moments(rng))


def odd_shop(bench, n=300):
    """Two sources that tell some events twice, and every kind of what is told of items."""
    rng = random.Random(3)
    events = [odd_event(rng, number) for number in range(n)]
    again = [row | {"source": "api", "device": "phone"} for row in rng.sample(events, n // 10)]
    write_valid(bench, "events", "events", {"a": events[: n // 2], "b": events[n // 2 :]})
    write_valid(bench, "api", "events", {"a": again, "none": []})
    write_valid(bench, "c", "catalogue", {"c": [odd_product(rng) for _ in range(n // 5)]})
    write_valid(bench, "p", "item_properties", {"p": [odd_property(rng) for _ in range(n // 2)]})
    edges = [(c, rng.choice([None, "all", *KEYS["category_id"]])) for c in KEYS["category_id"]]
    rows = [{"category_id": c, "parent_id": p, "arrived_us": 0, "source": "t"} for c, p in edges]
    write_valid(bench, "tree", "categories", {"t": rows})


FILES = Settings.model_validate(
    {
        "sources": {
            "shop": {"kind": "csv", "path": "shop/*"},
            "tree": {"kind": "csv", "holds": "categories", "path": "tree.csv"},
        },
        "quality": {"max_quarantined": 1.0},
    }
)
VALIDATED = [f"{kind}_{name}" for name in FILES.sources for kind in ("valid", "quarantined")]
HEADERS = (
    ("event_id", "user_id", "item_id", "event_type", "occurred_at", "price"),
    ("user_id", "event_id", "item_id", "price", "event_type", "occurred_at"),
)
"""Files of another header are another batch, and so are packed ones."""


def odd_line(rng, names):
    """A row that may be broken, or be one of those of other files."""
    day = rng.randrange(1, 4)
    told = {
        "event_id": f"e{rng.randrange(60)}",
        "user_id": rng.choice(["ann", "bob", "", "Zoë"]),
        "item_id": rng.choice(["mug", "pen", "a;b"]),
        "event_type": rng.choice(["view", "view", "purchase", "stare"]),
        "occurred_at": f"2025-06-0{day}T10:{rng.randrange(60):02d}:00Z",
        "price": rng.choice(["", "1.5", "19.99", "-3", "inf", "x"]),
    }
    line = ",".join(told[name] for name in names)
    return rng.choice([line] * 30 + [line + ",more", line + '"', f'"{line}', ""])


def odd_files(bench):
    """Rows that repeat within a file, between files of a batch, and between batches."""
    rng, folder = random.Random(5), bench.loaded.folder
    (folder / "shop").mkdir(parents=True)
    for number in range(6):
        names = HEADERS[number // 2 % 2]
        rows = [odd_line(rng, names) for _ in range(40)]
        text = "\n".join([",".join(names), *rows, *rng.sample(rows, 3), ""]).encode()
        path = folder / "shop" / f"{number}.csv"
        if number == 4:
            path.with_suffix(".csv.gz").write_bytes(gzip.compress(text, mtime=0))
        else:
            path.write_bytes(text)
    (folder / "shop" / "none.csv").write_bytes(b"")
    (folder / "tree.csv").write_text(
        "category_id,parent_id\ncups,kitchen\nkitchen,\ncups,kitchen\n"
    )
    ingest(bench)


@pytest.fixture
def both(make_bench, tmp_path, spark_engine):
    """The same shop twice: for DuckDB, and for the Spark that is there already."""

    def make(fill, settings):
        found = []
        for place, engine in (("duckdb", settings.engine), ("spark", CLUSTER)):
            using = settings.model_copy(update={"engine": engine})
            bench = make_bench(settings=using, folder=tmp_path / place)
            fill(bench)
            found.append(bench)
        return found

    return make


def manifests(bench, names):
    """What does not tell when it was made."""
    found = [bench.lake.latest(name) for name in names]
    return [manifest.model_dump(exclude={"created_at"}) for manifest in found]


@pytest.mark.long
def test_from_odd_files_to_pictures_every_stage_leaves_the_same_bytes(both):
    here, there = both(odd_files, FILES)
    for bench in (here, there):
        validate(bench)
    there.con.disconnect()  # what asks DuckDB from here on fails
    for bench in (here, there):
        for stage in (quality_report, prepare, explore):
            stage(bench)

    for names in (VALIDATED, ["quality"], MADE, ["exploration"]):
        assert manifests(there, names) == manifests(here, names)
    counts = here.lake.latest("valid_shop").counts
    assert min(counts["valid"], counts["quarantined"], counts["duplicates"]) > 20


def descendants(process):
    """Process ids of the children of a process, of theirs, and so on."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, some = [], [process]
    while some:
        some = [child for child, parent in parents.items() if parent in some]
        found += some
    return found


def kill_an_executor(spark, killed):
    """Wait until a task runs, and kill -9 one of the executors."""
    tracker = spark.sparkContext.statusTracker()
    while not killed:
        infos = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        if any(info and info.numActiveTasks for info in infos):
            for process in descendants(os.getpid()):
                with suppress(OSError):
                    command = Path(f"/proc/{process}/cmdline").read_bytes()
                    if b"CoarseGrainedExecutorBackend" in command and not killed:
                        os.kill(process, signal.SIGKILL)
                        killed.append(process)
        time.sleep(0.01)


def test_an_executor_that_is_killed_is_done_without(both, spark_engine):
    here, there = both(odd_files, FILES)
    validate(here)
    killed = []
    Thread(target=kill_an_executor, args=(spark_engine.session, killed), daemon=True).start()
    validate(there)

    assert killed
    assert manifests(there, VALIDATED) == manifests(here, VALIDATED)
    assert not list(there.loaded.folder.rglob("parted-*"))


@pytest.mark.long
def test_an_odd_shop_is_prepared_to_the_same_bytes_and_so_is_a_day_that_comes_later(both):
    prolonged = PreparationSettings(session_gap_minutes=2000)
    here, there = both(odd_shop, SHOP.model_copy(update={"preparation": prolonged}))
    there.con.disconnect()
    for bench in (here, there):
        prepare(bench)
        rows = [odd_event(random.Random(9), 1000 + n) for n in range(20)]
        write_valid(bench, "api", "events", {"late": rows})
        prepare(bench)

    assert manifests(there, MADE) == manifests(here, MADE)
    assert here.lake.latest("events").number == 2
