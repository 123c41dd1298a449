"""Shops whose data are versioned, with a git and a DVC that know nothing of this machine."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import boto3
import pytest

from recomart.lake import Draft, Making, open_lake
from recomart.pipeline import versioning
from recomart.settings import load_settings
from tests.servers import free_port, running

IDENTITY = "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
DATA_SETS = ("raw_shop", "valid_shop", "events", "user_features", "hold")
"""One for each layer."""


@pytest.fixture(autouse=True)
def gitconfig(tmp_path, monkeypatch):
    """Git and DVC know nothing but who commits; the file in which git reads it."""
    config = tmp_path / "gitconfig"
    config.write_text(IDENTITY, encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for level in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"DVC_{level}_CONFIG_DIR", str(tmp_path / level))
    return config


@pytest.fixture(scope="session")
def moto_url():
    """The address of a server that speaks S3."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bucket(moto_url, monkeypatch):
    """A bucket of its own, and the environment that leads to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-a-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"versions-{os.urandom(4).hex()}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


def change(loaded, word, names=DATA_SETS):
    """Publish a version of data sets, and bring the warehouse to it."""
    for name in names:
        draft = Draft(open_lake(loaded), name)
        draft.add_bytes("what.json", f"{name}: {word}".encode() * 50)
        draft.commit(Making(key=word, stage="test", run_id=word))
    warehouse = loaded.path(loaded.settings.paths.warehouse)
    with closing(sqlite3.connect(warehouse, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        con.execute("INSERT INTO words VALUES (?)", (word,))


def words(loaded):
    """What a shop holds: the word of each data set, checked, and those of the warehouse."""
    lake = open_lake(loaded)
    held = {name: lake.read(name, "what.json").decode().split(": ")[1] for name in lake.names()}
    with closing(sqlite3.connect(loaded.path(loaded.settings.paths.warehouse))) as con:
        told = [row[0] for row in con.execute("SELECT word FROM words ORDER BY rowid")]
    return {name: word.removesuffix(name) for name, word in held.items()}, told


def all_hold(word, *told):
    """What `words` answers where every data set holds the same word."""
    return dict.fromkeys(DATA_SETS, word), [*told]


def git(loaded, *command):
    """What a git command says in the shop's folder, right-hand space taken off."""
    done = subprocess.run(
        ["git", *command], cwd=loaded.folder, capture_output=True, text=True, check=True
    )
    return done.stdout.rstrip()


KILLED = """
import os, signal, sys
from pathlib import Path
import dvc.repo
from recomart.pipeline import versioning
from recomart.settings import load_settings

verb, folder, point, times, *given = sys.argv[1:]
left = int(times)

def watch(frame, event, found):
    global left
    name = found.__name__ if event == "c_call" else frame.f_code.co_name
    if event in ("call", "c_call") and name == point:
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

loaded = load_settings(Path(folder))
sys.setprofile(watch)
getattr(versioning, verb)(loaded, *given)
"""


def is_killed(loaded, verb, point, times=1, *given):
    """Whether a command ends by SIGKILL as it enters a function for the n-th time."""
    command = [sys.executable, "-c", KILLED, verb, loaded.folder, point, times, *given]
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True)
    return done.returncode == -9


def make_shop(folder):
    folder.mkdir(parents=True)
    (folder / "recomart.yaml").write_text("project: Mine\n", encoding="utf-8")
    loaded = load_settings(folder, environment={})
    change(loaded, "one")
    return loaded


@pytest.fixture
def shop(tmp_path):
    """A shop with a data set in each layer, and a warehouse."""
    return make_shop(tmp_path / "above" / "mine")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """The folder of a shop with one snapshot."""
    folder = tmp_path_factory.mktemp("versioned")
    (folder / "gitconfig").write_text(IDENTITY, encoding="utf-8")
    loaded = make_shop(folder / "mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
        versioning.init(loaded)
        versioning.snapshot(loaded, "first")
    return loaded.folder


@pytest.fixture
def kept(made_once, tmp_path):
    """A shop with one snapshot."""
    folder = shutil.copytree(made_once, tmp_path / "above" / "mine")
    return load_settings(folder, environment={})


def with_settings(loaded, tree):
    """The same shop under other settings."""
    return load_settings(loaded.folder, environment={}, flags=tree)
