"""The whole pipeline: once through, then only what changed, and the same after kill -9."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from recomart.errors import LakeBusyError, NotFoundError, SourceFileError
from recomart.lake import open_lake
from recomart.lake.lease import lease
from recomart.pipeline import STAGES, in_order, run
from recomart.pipeline.replay import replay
from recomart.pipeline.stages import expand
from recomart.settings import load_settings
from tests.pipeline.conftest import RUN, outcomes, versions


def test_every_stage_comes_after_those_whose_data_it_reads():
    order = [stage.name for stage in in_order()]
    writer = {name: stage.name for stage in STAGES for name in stage.writes}

    for stage in STAGES:
        for name in stage.reads:
            assert order.index(writer[name]) < order.index(stage.name)


def test_the_order_does_not_depend_on_the_order_of_the_table():
    backwards = [stage.name for stage in in_order(STAGES[::-1])]

    assert backwards.index("validate") < backwards.index("prepare") < backwards.index("train")


def test_a_star_stands_for_every_source_and_model(loaded):
    names = expand(("raw_*source", "model_*model", "events"), loaded.settings)

    assert names[:3] == ["raw_events", "raw_ratings", "raw_categories"]
    assert "model_rp3beta" in names
    assert names[-1] == "events"


def test_a_run_goes_through_and_a_second_one_finds_nothing_to_do(loaded):
    first = run(loaded)
    again = run(loaded)

    assert set(outcomes(first).values()) == {"done"}
    skipped = {name for name, outcome in outcomes(again).items() if outcome == "skipped"}
    assert skipped == {stage.name for stage in STAGES if not stage.always}
    assert again.seconds < 3


def test_a_run_leaves_a_record_and_stage_logs(loaded):
    record = run(loaded, ["ingest", "validate"])
    logs = loaded.path("logs")

    written = json.loads((logs / "runs" / f"{record.run_id}.json").read_text())
    assert written["outcome"] == "done"
    assert [stage["stage"] for stage in written["stages"]] == ["ingest", "validate"]
    assert written["stages"][1]["rows"]["valid_events"] > 2_900
    assert " - ingestion - INFO - Ingested " in (logs / "ingestion.log").read_text()


@pytest.mark.long
def test_the_same_input_gives_the_same_versions_in_another_place(loaded, tmp_path):
    run(loaded)
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop").symlink_to(tmp_path / "shop", target_is_directory=True)
    shutil.copy(tmp_path / "recomart.yaml", other)
    twin = load_settings(other, environment={"RECOMART_ENGINE__THREADS": "1"})
    run(twin)

    theirs, ours = versions(twin), versions(loaded)
    differing = {
        name for name in ours if not name.startswith("raw_") and ours[name] != theirs[name]
    }
    assert differing == set()


def test_a_changed_setting_runs_only_what_it_changes(loaded):
    run(loaded)
    changed = load_settings(loaded.folder, environment={}, flags={("evaluation", "bootstrap"): 101})
    record = run(changed, ["validate", "prepare", "evaluate"])

    assert outcomes(record) == {"validate": "skipped", "prepare": "skipped", "evaluate": "done"}


def test_force_does_it_again_with_the_same_result(loaded):
    names = ["ingest", "validate", "prepare"]
    run(loaded, names)
    before = versions(loaded)
    record = run(loaded, names[1:], force=True)

    assert set(outcomes(record).values()) == {"done"}
    assert versions(loaded) == before


def test_a_failure_ends_the_run_is_recorded_and_harms_nothing(loaded, tmp_path):
    run(loaded, ["ingest", "validate"])
    before = versions(loaded)
    (tmp_path / "shop").unlink()

    with pytest.raises(SourceFileError):
        run(loaded)
    newest = max((loaded.path("logs") / "runs").glob("*.json"))
    record = json.loads(newest.read_text())
    assert record["outcome"] == record["stages"][-1]["outcome"] == "failed"
    assert "No file matches" in record["stages"][-1]["error"]
    assert versions(loaded) == before


def test_two_runs_cannot_write_one_lake(loaded):
    with lease(loaded.path("data/lake"), "other"), pytest.raises(LakeBusyError, match="other"):
        run(loaded, ["ingest"])


def test_a_replay_after_a_loosened_rule_lets_the_rows_in(loaded):
    run(loaded, ["ingest", "validate"])
    flags = {("sources", "events", "contract"): {"rules": [LOOSE]}}
    loose = load_settings(loaded.folder, environment={}, flags=flags)

    [events, *_] = replay(loose)
    assert 0 < events.after < events.before


LOOSE = {"code": "EV-TYPE", "column": "event_type", "check": "required", "action": "report"}


def test_a_mended_row_is_let_in(loaded, tmp_path):
    run(loaded, ["ingest", "validate"])
    before = open_lake(loaded).latest("valid_events").rows
    header = next((tmp_path / "shop" / "events").glob("*.csv")).read_text().splitlines()[0]
    mended = tmp_path / "mended.csv"
    values = {"event_id": "m1", "user_id": "ann", "item_id": "1", "event_type": "view"}
    values["occurred_at"] = "2026-06-02T10:00:00Z"
    row = ",".join(values.get(name, "") for name in header.split(","))
    mended.write_text(f"{header}\n{row}\n")
    replay(loaded, "events", mended)

    assert open_lake(loaded).latest("valid_events").rows == before + 1
    with pytest.raises(NotFoundError):
        replay(loaded, "evnts", mended)


KILLED = """
import os, signal, sys
from recomart.lake.objects import LocalObjects
left, link = int(sys.argv[2]), os.link
def counted(aside, path):
    global left
    left -= not os.path.exists(path)  # what was written before the last kill does not count
    if left <= 0 and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    link(aside, path)
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.link = counted
"""


@pytest.mark.long
def test_killed_again_and_again_it_still_ends_with_the_same_bytes(
    loaded, tmp_path, reference, pandas_allowed
):
    _, expected = reference
    for attempt in range(60):
        when = ("before", "after")[attempt % 2]
        command = [sys.executable, "-c", KILLED + RUN, str(tmp_path), "14", when]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr

    found = versions(loaded)
    assert 5 <= attempt < 59  # so often it was killed
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "share", [0.4, *(pytest.param(at, marks=pytest.mark.long) for at in (0.15, 0.6, 0.8))]
)
def test_a_killed_run_goes_on_to_the_same_bytes(loaded, tmp_path, share, reference, pandas_allowed):
    seconds, expected = reference
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        time.sleep(seconds * share)
        running.send_signal(signal.SIGKILL)
    run(loaded)

    found = versions(loaded)
    assert {name: found[name] for name in expected} == expected
