"""Runs are recorded, told apart, and can be done again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import recomart
from recomart.errors import (
    BadInputError,
    IntegrityError,
    NotFoundError,
    SourceFileError,
    VersioningError,
)
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.pipeline.differences import differences
from recomart.pipeline.past_code import reproduce_with
from recomart.pipeline.record import Commit, commit_of
from recomart.pipeline.reproduction import PLACE, reproduce
from recomart.pipeline.runs import Runs
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS


@pytest.fixture(scope="module")
def shop(tmp_path_factory, shop_files):
    """A shop that ran, got another file of events and another setting, and ran again."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(shop_files.folder, folder / "shop")
    late = sorted((folder / "shop" / "events").glob("*.csv"))[-2:]
    for path in late:
        path.rename(folder / path.name)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    run(load_settings(folder, environment={}))
    for path in late:
        (folder / path.name).rename(path)
    loaded = load_settings(folder, environment={}, flags={("evaluation", "bootstrap"): 101})
    run(loaded)
    return loaded


@pytest.fixture
def runs(shop):
    return Runs.of(shop, open_lake(shop))


def test_a_record_says_what_a_result_depends_on(runs):
    record = runs.get("last")

    assert record.outcome == "done"
    assert record.settings["evaluation"]["bootstrap"] == 101
    assert {"recomart", "python", "numpy", "duckdb"} <= set(record.code)
    evaluate = next(stage for stage in record.stages if stage.stage == "evaluate")
    assert evaluate.inputs["events"] == record.outputs["events"]
    assert evaluate.made == ["evaluation"]


def test_a_run_is_named_by_the_beginning_of_its_id(runs):
    first = runs.all()[0]

    assert runs.get(first.run_id[:-3]).run_id == first.run_id
    with pytest.raises(NotFoundError, match="no run"):
        runs.get("2")  # the beginning of both


@pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.long)])
def test_an_old_run_done_again_gives_the_same_bytes(shop, runs, which):
    found = reproduce(shop, runs.all()[which])

    assert len(found) > 20
    assert [one.dataset for one in found if not one.is_same] == []
    assert not list(shop.path(shop.settings.paths.cache).glob(f"{PLACE}*"))


@pytest.mark.long
def test_a_changed_figure_is_found_by_doing_the_run_again(shop, runs):
    record = runs.get("last")
    record.settings["evaluation"]["bootstrap"] = 102

    assert {one.dataset for one in reproduce(shop, record) if not one.is_same} == {"evaluation"}


def test_a_run_that_only_brought_data_in_cannot_be_done_again(loaded):
    record = run(loaded, ["ingest"])

    with pytest.raises(BadInputError, match="no data set that could be made again"):
        reproduce(loaded, record)


def test_two_runs_differ_in_settings_data_and_figures(runs):
    found = differences(runs.lake, *runs.all())
    named = {(one.what, one.name) for one in found}

    assert ("settings", "evaluation.bootstrap") in named
    assert ("data", "raw_events") in named
    assert ("figures", "ndcg@10 of rp3beta") in named
    assert "code" not in {one.what for one in found}
    assert differences(runs.lake, runs.get("last"), runs.get("last")) == []


def test_secrets_of_settings_are_not_in_the_record(loaded):
    flags = {("paths", "online"): "redis://:secret@127.0.0.1/0"}
    kept = load_settings(loaded.folder, environment={}, flags=flags)
    record = run(kept, ["ingest"])

    assert record.settings["paths"]["online"] == "redis://:***@127.0.0.1/0"
    assert not [p for p in loaded.path("logs").rglob("*.json*") if "secret" in p.read_text()]


def test_a_failed_run_is_kept_with_its_cause(loaded, tmp_path):
    (tmp_path / "shop").unlink()
    with pytest.raises(SourceFileError):
        run(loaded)

    record = Runs.of(loaded, open_lake(loaded)).get("last")
    assert (record.outcome, record.stages[0].outcome) == ("failed", "failed")
    assert "RM-120" in record.stages[0].error


KILLED = """
import os, signal, sys
from pathlib import Path
from recomart.pipeline import STAGES, open_session
from recomart.settings import load_settings
with open_session(load_settings(Path(sys.argv[1]), environment={})) as session:
    session.run_stage(STAGES[0])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_is_settled_by_the_next(loaded):
    subprocess.run([sys.executable, "-c", KILLED, loaded.folder], check=False)
    runs = Runs.of(loaded, open_lake(loaded))
    [killed] = runs.all()
    assert killed.outcome == "running"

    run(loaded, ["ingest"])
    assert [one.outcome for one in runs.all()] == ["killed", "done"]
    assert runs.all()[0].stages[0].outcome == "done"


def test_a_damaged_record_is_named(loaded):
    record = run(loaded, ["ingest"])
    path = loaded.path("logs/runs") / f"{record.run_id}.json"
    path.write_text(json.dumps({"run_id": 7}))

    with pytest.raises(IntegrityError, match=record.run_id):
        Runs.of(loaded, open_lake(loaded)).all()


@pytest.fixture
def old_code(tmp_path, loaded):
    """RecoMart in a git of its own, a run of it, and a later commit that gives other figures."""
    code = tmp_path / "code"
    package = Path(recomart.__file__).parent
    shutil.copytree(package, code / "recomart", ignore=shutil.ignore_patterns("__pycache__"))
    git(code, "init", "--quiet")
    commit(code)
    call(code, "-s", loaded.folder, "run", "--only", "ingest", "--only", "validate")
    changed = code / "recomart" / "quality" / "contract.py"
    text = changed.read_text(encoding="utf-8")
    changed.write_text(text.replace("EV-TYPE", "EV-KIND"), encoding="utf-8")
    commit(code)
    return code


def git(folder, *words):
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)


def commit(folder):
    git(folder, "add", ".")
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    git(folder, *who, "commit", "--quiet", "-m", "as it is")


def call(code, *words, check=True):
    script = "from recomart.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment,
        check=check,
        capture_output=True,
        text=True,
    )


def test_the_git_of_a_hook_is_not_taken_for_the_shop_s_own(tmp_path, monkeypatch):
    for name in ("shop", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name, encoding="utf-8")
        git(tmp_path / name, "init", "--quiet")
        commit(tmp_path / name)
    expected = commit_of(tmp_path / "shop")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))

    assert commit_of(tmp_path / "shop") == expected
    assert commit_of(tmp_path) is None


@pytest.mark.long
def test_a_run_of_older_code_is_done_again_with_it(old_code, loaded):
    words = ("-s", loaded.folder, "reproduce", "last")
    now = call(old_code, *words, check=False)
    then = call(old_code, *words, "--checkout", check=False)

    assert (now.returncode, then.returncode) == (1, 0)
    assert "not the code of the run" in now.stdout
    assert "the same, byte for byte" in then.stdout


def test_code_that_git_does_not_hold_is_not_guessed(runs):
    record = runs.get("last")
    record.git["code"] = Commit(commit="0" * 40, is_dirty=False)
    with pytest.raises(VersioningError, match="000000000000"):
        reproduce_with(record, Path(), as_json=False)
    record.git["code"].is_dirty = True
    with pytest.raises(VersioningError, match="changes"):
        reproduce_with(record, Path(), as_json=False)
    record.git["code"] = None
    with pytest.raises(VersioningError, match="not made from a git checkout"):
        reproduce_with(record, Path(), as_json=False)
