"""A shop in which some stand wherever one can stand; where they are; erasing that is killed.

The folder is read by other means than the product's: every value of every Parquet file and SQLite
table, and the bytes of everything else.
"""

from __future__ import annotations

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
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq

from recomart.events import StreamFile
from recomart.events.exposures import Exposure
from recomart.events.record import Event
from recomart.events.shared import SharedFile, Stored
from recomart.events.streams import Refused
from recomart.experiments import changes
from recomart.lake import Erasures, Making, open_lake
from recomart.pipeline import run
from tests.trained import NEEDED, copy_of, settings_of, users_of

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
MORE = """\
quality: {max_quarantined: 1.0}
experiments:
  tests:
    past: &of_users
      variants: {old: {model: 1, share: 0.5}, new: {model: 2, share: 0.5}}
    trial: *of_users
    visits: {<<: *of_users, unit: session}
"""
NOW_US = 1_790_000_000_000_000
MAKING = Making(key="k", stage="s", run_id="r")
WORKER = """
import os, signal, sys
from pathlib import Path
from recomart.pipeline.erasing import work
from recomart.settings import load_settings
folder, user, last = %r
steps = 0
def step(event, _):
    global steps
    if event in ("os.rename", "os.link", "os.remove", "sqlite3.connect"):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
loaded = load_settings(Path(folder), environment={})
sys.addaudithook(step)
work.erase(loaded, user, "the test") if user else work.finish(loaded)
print(steps)
"""


def make_shop(published, folder):
    """Make a shop with two versions of all, in which both of them stand."""
    loaded = copy_of(published, folder)
    last = max((folder / "shop" / "events").iterdir())
    day = re.search(r"\d{4}-\d\d-\d\d", last.name)[0]
    rows = [row for user in (PLAIN, NASTY) for row in events_of(user, day, 12)]
    random.Random(3).shuffle(rows)
    packed = gzip.compress((HEAD + "".join(rows)).encode(), mtime=0)
    (folder / "shop" / "events" / f"more-{day}.csv.gz").write_bytes(packed)
    (folder / "shop" / "ratings.csv").unlink()  # of no source
    settings = folder / "recomart.yaml"
    text = settings.read_text().replace("events/*.csv}", "events/*}\n  server: {kind: event_log}")
    settings.write_text(text + MORE)
    start_experiments(folder)
    take(loaded, 0)
    run(settings_of(folder, **QUICK), AGAIN)
    take(loaded, 1)
    return folder


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


def start_experiments(folder):
    """Start three; the first has ended, so that its salt is not that of the others."""
    loaded = settings_of(folder)
    lake = open_lake(loaded)
    for name in ("past", "trial", "visits"):
        changes.put(lake, MAKING, changes.started(loaded, lake, name, NOW_US, "test"))
        if name == "past":
            changes.put(lake, MAKING, changes.stopped(lake, name, None, NOW_US, "test"))


def take(loaded, time):
    """Let the service have taken events, refused messages, and shown lists, one time of two.

    The session of an event is told the second time only, when its lists are in the lake already.
    """
    users = (PLAIN, NASTY, "bob")
    with closing(StreamFile(loaded.path(loaded.settings.serving.events))) as log:
        messages = [one for user in users for one in messages_of(user, time)]
        log.take("s", [event(user, k) for user in users for k in range(3 * time)], messages, {})
    lists = [one for user in (*users, *users_of(loaded)) for one in shown_to(loaded, user, time)]
    with closing(SharedFile(loaded.path("data/events-workers.sqlite"), 100)) as file:
        file.show(lists, 10_000)


def event(user, k):
    known = dict.fromkeys(Event._fields)
    known |= {"event_id": f"log-{user}-{k}", "user_id": user, "item_id": "1", "event_type": "view"}
    session = SESSION if user == PLAIN else None
    return Event(**{**known, "occurred_us": NOW_US, "arrived_us": NOW_US, "session_id": session})


def messages_of(user, time):
    """Refused messages that name a user in several spellings, and once as a number names an item.

    Of each the mark stands within, so that it can be known without them all.
    """
    told = {"mark": mark_of(user), "user_id": user, "note": "a\nb,c\r\n\r\n"}
    texts = [
        json.dumps(told),
        json.dumps(told, ensure_ascii=False, indent=1),
        json.dumps({"mark": mark_of(user), "inner": json.dumps({"u": [user]})}),
        json.dumps(told).replace(json.dumps(user), f'"{in_escapes(user)}"'),
        f"no JSON, {mark_of(user)},{user}!",
    ]
    return [
        Refused(f"0@{user[:3]}{time}{k}", NOW_US, "user_id is bad", text)
        for k, text in enumerate(texts)
    ]


def mark_of(user):
    return f"marked-{user[:3].encode().hex()}"


def in_escapes(text):
    return re.sub("(....)", r"\\u\1", text.encode("utf-16-be").hex())


def shown_to(loaded, user, time):
    """Lists that a user saw in all experiments; those of visits only where one is known."""
    lines = '[["1","itemknn",0.5,0.9],["2","popularity",null,null]]'
    return [
        Exposure(
            f"{code}{name}{time}", user, NOW_US + time, "m", "v", lines, name, "old", code, 0.5
        )
        for name, code in codes_of(loaded, user)
    ]


def codes_of(loaded, user):
    """Experiments and the codes of a user in them: by hand, as the hash is described."""
    state = json.loads(open_lake(loaded).read("experiments", "experiments.json"))
    for one in state["experiments"]:
        unit = one["declared"]["unit"]
        name = user if unit == "user" else SESSION
        if name == SESSION and user != PLAIN:
            continue
        key, person = one["salt"].encode(), unit.encode()
        digest = blake2b(name.encode(), digest_size=16, key=key, person=person).digest()
        yield one["name"], digest[8:].hex()


def keep_answers(loaded, users):
    path = loaded.path("data/events-workers.sqlite")
    with closing(SharedFile(path, 100)) as file:
        body = [json.dumps({"who": user, "at_us": 1}, ensure_ascii=False) for user in users]
        file.add([Stored(f"r{n}", user, 1, body[n].encode()) for n, user in enumerate(users)])


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


def spelled(user):
    """A user in any spelling, as a pattern; a short id as a word of its own."""
    forms = {user, user.replace('"', '""'), json.dumps(user)[1:-1], in_escapes(user)}
    forms |= {json.dumps(user, ensure_ascii=False)[1:-1]}
    forms |= {json.dumps(text)[1:-1] for text in forms}
    forms |= {text.replace('"', "&#34;") for text in forms}
    forms |= {text.replace('"', '""') for text in forms}
    wanted = b"|".join(re.escape(text.encode()) for text in sorted(forms, key=len, reverse=True))
    return wanted if len(user) > SHORT else rb"(?<![0-9A-Za-z])" + wanted + rb"(?![0-9A-Za-z])"


def where_is(loaded, user):
    """The files of a shop's folder in which somebody stands, by name or by code."""
    gc.collect()  # who still reads a store keeps a log beside it
    codes = {code.encode() for _, code in codes_of(loaded, user)}
    wanted = re.compile(b"|".join([spelled(user), *codes]))
    binary = () if len(user) > SHORT else (".npz", ".cbm")  # where any three letters may stand
    files = [p for p in loaded.folder.rglob("*") if p.is_file() and p.suffix not in binary]
    return [
        path.relative_to(loaded.folder).as_posix()
        for path in files
        if any(wanted.search(text) for text in texts_in(path))
    ]


def rows_of_others(loaded, user):
    """All rows of everybody else: of every version of every table, raw lines, tables of stores."""
    lake, found = open_lake(loaded), {}
    theirs = re.compile("|".join(map(re.escape, names_of(loaded, user))))
    for name in lake.names():
        for manifest in lake.history(name):
            for file in manifest.files:
                at = name, manifest.number, file.partition
                path = lake.objects.path(file.key)
                if "refused" in file.partition and name.startswith("raw_"):
                    rows = path.read_text().split("\ns,0@")  # messages go over several lines
                    found[at] = [row for row in rows if not theirs.search(row)]
                elif name.startswith("raw_"):
                    lines = b"".join(texts_in(path)).decode().splitlines()
                    found[at] = [line for line in lines if not theirs.search(line)]
                elif path.suffix == ".parquet" and file.partition != "ranks":  # of nobody by name
                    rows = pq.ParquetFile(path).read().to_pylist()
                    found[at] = [repr(row) for row in rows if not theirs.search(repr(row))]
    for name in ("data/warehouse.sqlite", "data/events.sqlite", "data/events-workers.sqlite"):
        with closing(sqlite3.connect(loaded.folder / name)) as con:
            tables = [row[0] for row in con.execute(TABLES)]
            for table in tables:
                rows = [repr(row) for row in con.execute(ALL % table) if "forgotten" not in row]
                found[name, table] = sorted(row for row in rows if not theirs.search(row))
    return found


def names_of(loaded, user):
    """What their rows can be known by: id, mark of their messages, codes."""
    codes = [code for _, code in codes_of(loaded, user)]
    return [user, user.replace('"', '""'), mark_of(user), *codes]


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
    stores = ("warehouse", "online", "events", "events-workers")
    for name in (f"data/{store}.sqlite" for store in stores):
        with closing(sqlite3.connect(folder / name)) as con:
            lines = (line for line in con.iterdump() if '"sqlite_sequence"' not in line)
            found[name] = sorted(lines)
    return found


def work(folder, user="", last=0, program=(sys.executable,)):
    """Erase somebody, or go on with what waits, in a process of its own.

    It kills itself with its `last`-th step: as it renames, links or deletes a file, or opens a
    store. Return whether it was killed, and in how many steps it was done.
    """
    told = WORKER % ((str(folder), user, last),)
    done = subprocess.run(
        [*program, "-"], input=told, stdout=subprocess.PIPE, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL)
    return done.returncode != 0, int(done.stdout or 0)


def kill_often(shop, folder, n_kills, program=(sys.executable,)):
    """Erase PLAIN from copies of a shop, killed at random moments; yield (copy, at which).

    A copy is done when its erasure came to an end, however often it was killed; it is to be as one
    that nobody killed.
    """
    whole = folder / "whole"
    copy_of(shop, whole)
    _, n_steps = work(whole, PLAIN, program=program)
    n, n_copies = 0, 0
    while n < n_kills:
        torn, moments, user = folder / f"torn{n_copies}", [], PLAIN
        copy_of(shop, torn)
        while n < n_kills:
            moments.append(random.randrange(1, n_steps + 1))
            was_killed, _ = work(torn, user, moments[-1], program)
            if not was_killed:
                break
            n, user = n + 1, ""
        work(torn, program=program)
        hold_the_same(torn, whole, moments)
        n_copies += 1
    return n_copies, n_steps


def hold_the_same(torn: Path, whole: Path, moments: list[int]) -> None:
    """Hold a shop in which erasing was killed to one in which it was not."""
    loaded = settings_of(torn)
    [receipt], [expected] = (Erasures.of(settings_of(one)).receipts() for one in (torn, whole))
    assert Erasures.of(loaded).orders() == []
    assert where_is(loaded, PLAIN) == []
    assert state_of(torn) == state_of(whole), moments
    assert touched_in(receipt) == touched_in(expected), moments


def touched_in(receipt):
    return {(one.place, one.what, one.rows, one.became) for one in receipt.touched}
