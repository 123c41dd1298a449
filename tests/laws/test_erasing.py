"""Law: who is erased is nowhere in the shop's folder, and nobody else has lost anything.

The folder is read by other means than the product's: every value of every Parquet file and SQLite
table, and the bytes of everything else.
"""

import gc
import gzip
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pyarrow.parquet as pq
import pytest

from recomart.events import EventFile
from recomart.events.record import Event
from recomart.events.shared import SharedFile, Stored
from recomart.lake import Erasures, open_lake
from recomart.pipeline import run
from recomart.pipeline.erasing import erase, known_of
from recomart.ranking import Champion
from tests.trained import NEEDED, answers, copy_of, settings_of, users_of

PLAIN, NASTY = "vera-42@example.org", 'Öre "V", 7'
HEAD = "event_id,user_id,item_id,event_type,occurred_at,device,transaction_id,quantity,price\n"
SESSION = "visit-of-vera"
SHORT = 6
TABLES, ALL = "SELECT name FROM sqlite_master WHERE type = 'table'", 'SELECT * FROM "%s"'
KNOWN = ["popularity", "cooccurrence", "rp3beta"]
QUICK = {
    "tracking": {"is_on": False},
    "models": {"train": [*KNOWN, "sessionknn"], "serve": "sessionknn"},
    "ranking": {"retrievers": KNOWN},
    "evaluation": {"max_users": 20},
}
AGAIN = [name for name in NEEDED if name not in ("training_rows", "train_ranker")]
AGAIN += ["load_warehouse"]
WORKER = """
import os, signal, sys
from pathlib import Path
from recomart.pipeline.erasing import work
from recomart.settings import load_settings
steps, last = 0, int(sys.argv[3])
def step(event, _):
    global steps
    if event in ("os.rename", "os.link", "os.remove", "sqlite3.connect"):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
loaded = load_settings(Path(sys.argv[1]), environment={})
sys.addaudithook(step)
user = sys.argv[2]
work.erase(loaded, user, "the test") if user else work.finish(loaded)
print(steps)
"""


def events_of(user, day, n):
    """Rows as a shop writes them: good ones, a bad type, a line that is no row."""
    quoted = '"' + user.replace('"', '""') + '"'
    rows = [
        f"{user[:3]}{day}{k},{quoted},{k % 9 + 1},view,{day}T10:{k:02}:00Z,web,,,\n"
        for k in range(n)
    ]
    bad = f"{user[:3]}{day}x,{quoted},3,dance,{day}T11:00:00Z,web,,,\n"
    ragged = f"{user[:3]}{day}y,{quoted},3,view\n"
    return [*rows, bad, ragged]


@pytest.fixture(scope="module")
def shop(published_shop, tmp_path_factory):
    """A shop with two versions of all, in which both of them stand wherever one can stand."""
    folder = tmp_path_factory.mktemp("erasing")
    loaded = copy_of(published_shop, folder)
    last = max((folder / "shop" / "events").iterdir())
    day = re.search(r"\d{4}-\d\d-\d\d", last.name)[0]
    rows = [row for user in (PLAIN, NASTY) for row in events_of(user, day, 12)]
    random.Random(3).shuffle(rows)
    packed = gzip.compress((HEAD + "".join(rows)).encode(), mtime=0)
    (folder / "shop" / "events" / f"more-{day}.csv.gz").write_bytes(packed)
    (folder / "shop" / "ratings.csv").unlink()  # of no source
    settings = folder / "recomart.yaml"
    settings.write_text(settings.read_text().replace("events/*.csv", "events/*"))
    run(settings_of(folder, **QUICK), AGAIN)
    with closing(EventFile(loaded.path(loaded.settings.serving.events))) as log:
        log.add([event(user, k) for user in (PLAIN, NASTY, "bob") for k in range(3)])
    return folder


def event(user, k):
    known = dict.fromkeys(Event._fields)
    known |= {"event_id": f"log-{user}-{k}", "user_id": user, "item_id": "1", "event_type": "view"}
    return Event(
        **{
            **known,
            "occurred_us": 1_790_000_000_000_000,
            "arrived_us": 1_790_000_000_000_000,
            "session_id": SESSION if user == PLAIN else None,
        }
    )


def keep_answers(loaded, users):
    path = loaded.path("data/events-workers.sqlite")
    with closing(SharedFile(path, 100)) as file:
        body = [json.dumps({"who": user}, ensure_ascii=False).encode() for user in users]
        file.add([Stored(f"r{n}", user, 1, body[n]) for n, user in enumerate(users)])


def texts_in(path):
    """Every piece of text in a file."""
    with path.open("rb") as file:
        begin = file.read(16)
    if begin.startswith(b"PAR1"):
        table = pq.ParquetFile(path).read()
        for name in table.column_names:
            yield from (str(value).encode() for value in table[name].unique().to_pylist())
    elif begin.startswith(b"SQLite"):
        yield path.read_bytes()  # free pages included
        with closing(sqlite3.connect(path)) as con:
            yield "\n".join(con.iterdump()).encode()
            yield b"\n".join(values_of(con))
    elif begin.startswith(b"\x1f\x8b"):
        yield gzip.decompress(path.read_bytes())
    else:
        yield path.read_bytes()


def values_of(con):
    """The bytes of all blobs, such as keys of features."""
    names = [name for (name,) in con.execute(TABLES)]
    rows = (row for name in names for row in con.execute(ALL % name))
    return [value for row in rows for value in row if isinstance(value, bytes)]


def where_is(user, folder):
    """The files in which somebody stands, in any spelling; a short id as a word of its own."""
    gc.collect()  # who still reads a store keeps a log beside it
    spelled = {user, user.replace('"', '""'), json.dumps(user)[1:-1]}
    spelled |= {json.dumps(user, ensure_ascii=False)[1:-1]}
    spelled |= {text.replace('"', "&#34;") for text in spelled}
    wanted = b"|".join(re.escape(text.encode()) for text in spelled)
    wanted = wanted if len(user) > SHORT else rb"(?<![0-9A-Za-z])" + wanted + rb"(?![0-9A-Za-z])"
    binary = () if len(user) > SHORT else (".npz", ".cbm")  # where any three letters may stand
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in binary]
    return [
        path.relative_to(folder).as_posix()
        for path in files
        if any(re.search(wanted, text) for text in texts_in(path))
    ]


def rows_of_others(folder, user):
    """All rows of everybody else: of every version of every table, raw lines, tables of stores."""
    lake = open_lake(settings_of(folder))
    found = {}
    for name in lake.names():
        for manifest in lake.history(name):
            for file in manifest.files:
                at = name, manifest.number, file.partition
                path = lake.objects.path(file.key)
                if name.startswith("raw_"):
                    lines = b"".join(texts_in(path)).decode().splitlines()
                    found[at] = [line for line in lines if not is_of(line, user)]
                elif path.suffix == ".parquet" and file.partition != "ranks":  # of nobody by name
                    rows = pq.ParquetFile(path).read().to_pylist()
                    found[at] = [repr(row) for row in rows if not is_of(repr(row), user)]
    for name in ("data/warehouse.sqlite", "data/events.sqlite"):
        with closing(sqlite3.connect(folder / name)) as con:
            tables = [row[0] for row in con.execute(TABLES)]
            for table in tables:
                rows = con.execute(ALL % table).fetchall()
                found[name, table] = sorted(repr(row) for row in rows if user not in row)
    return found


def is_of(text, user):
    return user in text or user.replace('"', '""') in text


def sure_of_nothing(lists):
    """The same lists without their confidence, which goes by how many users had an item."""
    return [[{**line, "confidence": None} for line in lines] for lines in lists]


@pytest.mark.parametrize("user", [PLAIN, NASTY, "any"])
def test_who_is_erased_is_nowhere_and_nobody_else_lost_anything(shop, tmp_path, user):
    loaded = copy_of(shop, tmp_path)
    one, *others = random.sample(users_of(loaded)[:-1], 4)
    user = one if user == "any" else user
    keep_answers(loaded, [user, "bob"])
    before, stood = rows_of_others(tmp_path, user), where_is(user, tmp_path)
    lists = answers(loaded, 1, [*others, "nobody"])

    receipt = erase(loaded, user, "the test")

    assert len(stood) > 12
    assert where_is(user, tmp_path) == []
    assert rows_of_others(tmp_path, user) == before
    found = answers(loaded, 1, [*others, "nobody"])
    assert sure_of_nothing(found) == sure_of_nothing(lists)
    if user != one:  # else an item may have come to stand among the rare ones: less is sure
        assert found == lists
    assert all(answers(loaded, 3, others)), "a model of sessions has forgotten some, and answers"
    touched = {one.place.split()[0] for one in receipt.touched}
    assert touched >= {"lake", "online", "warehouse", "kept", "source"}


def test_all_that_is_known_is_told_and_after_an_erasure_nothing_is(shop, tmp_path):
    loaded = copy_of(shop, tmp_path)
    told = {data_set for data_set, _ in known_of(loaded, PLAIN)}

    receipt = erase(loaded, PLAIN, "the test")

    expected = {"raw_events", "quarantined_events", "events", "published_model"}
    assert told >= expected | {"event_log/events.sqlite", "warehouse/user_features"}
    assert [data_set for data_set, _ in known_of(loaded, PLAIN)] == ["about"]
    assert Erasures.of(loaded).receipts(PLAIN) == [receipt]
    assert Erasures.of(loaded).receipts("bob") == []


def test_after_it_the_pipeline_runs_and_the_champion_answers(shop, tmp_path):
    loaded = copy_of(shop, tmp_path)
    raw = open_lake(loaded).latest("raw_events")
    erase(loaded, PLAIN)

    done = run(settings_of(tmp_path, **QUICK), AGAIN)

    lake = open_lake(loaded)
    counts = lake.latest("valid_events").counts
    assert done.outcome == "done"
    assert counts["in"] == sum(counts[kind] for kind in ("valid", "quarantined", "duplicates"))
    assert counts["in"] == lake.latest("raw_events").rows
    assert where_is(PLAIN, tmp_path) == []
    assert len(Champion.open(loaded).recommend(PLAIN, 5)) == 5
    found = lake.latest("raw_events")
    assert found.by_partition().keys() == raw.by_partition().keys(), "what was rewritten is no news"


def state_of(folder):
    """What an erasure leaves: all files but those that tell of the erasure itself, and of time."""
    found = {}
    for path in sorted((folder / "data" / "lake").rglob("*")) + sorted(
        (folder / "shop").rglob("*")
    ):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.name.startswith(".lease"):
            found[name] = re.sub(
                rb'"known_as": \[.*?\]\s*\]', b"", path.read_bytes(), flags=re.DOTALL
            )
    for name in ("data/warehouse.sqlite", "data/online.sqlite", "data/events.sqlite"):
        with closing(sqlite3.connect(folder / name)) as con:
            found[name] = sorted(con.iterdump())
    return found


def work(folder, user="", last=0):
    """Erase somebody, or go on with what waits, in a process of its own.

    It kills itself with its `last`-th step: as it renames, links or deletes a file, or opens a
    store. Return whether it was killed, and what it said.
    """
    command = [sys.executable, "-c", WORKER, str(folder), user, str(last)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0, done.stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that kills")
def test_killed_at_any_moment_and_started_again_it_ends_the_same(shop, tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    copy_of(shop, whole), copy_of(shop, torn)
    _, said = work(whole, PLAIN)
    n_steps = int(said)
    first, second = (random.randrange(1, n_steps + 1) for _ in range(2))

    was_killed, _ = work(torn, PLAIN, first)
    work(torn, "", second)
    work(torn)

    [receipt], [expected] = (Erasures.of(settings_of(f)).receipts() for f in (torn, whole))
    assert was_killed, (first, n_steps)
    assert Erasures.of(settings_of(torn)).orders() == []
    assert where_is(PLAIN, torn) == []
    assert state_of(torn) == state_of(whole), (first, second, n_steps)
    assert touched_in(receipt) == touched_in(expected), (first, second, n_steps)


def touched_in(receipt):
    return {(one.place, one.what, one.rows, one.became) for one in receipt.touched}
