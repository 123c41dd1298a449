"""Retraining: each reason alone speaks for it and names itself; every decision is kept."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.errors import LakeBusyError
from recomart.lake import Draft, Making, open_lake
from recomart.lake.lease import lease
from recomart.monitoring.answers import Asked
from recomart.monitoring.reasons import MEASURES
from recomart.monitoring.since import Since
from recomart.monitoring.stage import read_monitoring
from recomart.pipeline import run
from recomart.pipeline.retraining import Decision, measure_only, read_decision, retrain
from recomart.pipeline.runner import open_bench
from recomart.pipeline.runs import Runs
from recomart.ranking import Champion
from recomart.ranking.aliases import PUBLISHED, promote, published
from recomart.ranking.questions import known_at
from recomart.ranking.shop import Shop
from recomart.settings import load_settings
from tests.trained import SOURCES

SETTINGS = (
    SOURCES
    + """\
models: {train: [popularity, rp3beta], serve: rp3beta}
ranking: {retrievers: [rp3beta], label_days: 1}
evaluation: {test_days: 3, relevant: [view, click, add_to_cart, purchase], bootstrap: 100,
             exclude_seen: false}
"""
)
FIRST_NEW = datetime(2026, 6, 14, 8, tzinfo=timezone.utc)
"""Days after the last of the shop's files, so that there is a stretch to judge by."""
OFF = {("retraining", setting): None for setting, _ in MEASURES.values()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shop_files):
    """A shop that was trained once, by the first retraining of all."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(shop_files.folder, folder / "shop")
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    first = retrain(load_settings(folder, environment={}))
    return folder, first


@pytest.fixture
def shop(trained, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(trained[0], tmp_path / "shop_again")


def settings_of(folder, **thresholds):
    """Settings with these thresholds, and no other reason."""
    flags = {**OFF, **{("retraining", name): value for name, value in thresholds.items()}}
    return load_settings(folder, environment={}, flags=flags)


def bring(folder, rows):
    """Add a file: (user, item, event type, minutes after the first new moment)."""
    files = sorted((folder / "shop" / "events").glob("*.csv"))
    header = files[0].read_text(encoding="utf-8").splitlines()[0].split(",")
    with (files[0].parent / "events-2026-06-14.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        for n, (user, item, kind, minutes) in enumerate(rows):
            at = f"{FIRST_NEW + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
            row = {"event_id": f"n{n}", "user_id": user, "item_id": item, "event_type": kind}
            writer.writerow({**row, "occurred_at": at})


def people_of(folder):
    lake = open_lake(load_settings(folder, environment={}))
    shop = Shop.read(lake, lake.latest(PUBLISHED))
    return shop.users.to_pylist(), shop.items["item_id"].to_pylist()


def measured(folder, rows, **thresholds):
    """Bring events in, and measure; nothing is trained."""
    bring(folder, rows)
    loaded = settings_of(folder, **thresholds)
    run(loaded, ["ingest", "validate", "prepare", "build_features"])
    return measure_only(loaded)


def speaking(decision):
    return [reason.name for reason in decision.reasons if reason.verdict]


def reason(decision, name):
    return {one.name: one for one in decision.reasons}[name]


def test_the_first_time_trains_since_there_is_no_champion(trained):
    _, first = trained

    assert first.why == "there is no champion yet"
    assert (first.champion, first.serves, first.is_trained) == (None, 1, True)
    assert "rp3beta" in first.says


def test_it_decides_by_what_its_run_monitored(trained):
    folder, _ = trained
    lake = open_lake(load_settings(folder, environment={}))

    assert lake.latest("monitoring").run_id == lake.latest("retraining").run_id
    assert read_monitoring(lake).reasons == read_decision(lake).reasons


def test_what_is_looked_at_are_the_lists_that_the_champion_gives(shop):
    loaded = load_settings(shop, environment={})
    champion, lake = Champion.open(loaded), open_lake(loaded)
    with open_bench(loaded, "publish") as bench:
        since = Since(bench, lake.latest(PUBLISHED))
        known = known_at(since.events, since.model.at_us, loaded.settings)
        asked = Asked.of(known, np.arange(9, dtype=np.int32))
        top = since.model.lists(bench, since.events, asked, since.model.at_us, 5)

    for user, items in zip(champion.shop.users[:9].to_pylist(), top.items, strict=True):
        lines = champion.recommend(user, 5, exclude_seen=False)
        assert [line.item_id for line in lines] == since.model.item_ids.take(items).to_pylist()


def test_nothing_is_needed_where_nothing_changed(shop):
    decision = retrain(load_settings(shop, environment={}))

    assert (decision.is_needed, decision.is_trained, decision.why) == (False, False, "not needed")
    assert [one.name for one in decision.reasons] == list(MEASURES)
    assert speaking(decision) == []
    assert (decision.published, decision.serves) == (1, 1)


def test_age_alone_speaks_but_nothing_new_is_learned_from_the_same_events(shop):
    decision = retrain(settings_of(shop, max_age_days=1e-9))

    assert (decision.why, speaking(decision)) == ("age", ["age"])
    assert (decision.is_trained, decision.serves) == (False, 1)
    assert decision.says.startswith("Nothing new to learn from")


def test_a_clock_that_went_back_is_age_0_with_a_warning(shop):
    [file] = (shop / "data/lake/models/published_model/manifests").iterdir()
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, "created_at": "2999-01-01T00:00:00+00:00"}))
    decision = retrain(settings_of(shop, max_age_days=1e-9))

    assert (reason(decision, "age").now, decision.is_needed) == (0.0, False)
    assert "clock went back" in reason(decision, "age").says
    assert "WARNING - Clock went back" in (shop / "logs" / "retraining.log").read_text()


def test_new_events_alone_speak_and_what_is_trained_serves(shop):
    users, items = people_of(shop)
    bring(shop, [(user, items[0], "view", n) for n, user in enumerate(users)])
    decision = retrain(settings_of(shop, new_events_share=0.01))
    lake = open_lake(load_settings(shop, environment={}))
    record = Runs.of(load_settings(shop, environment={}), lake).get("last")

    assert (decision.why, decision.is_trained, decision.serves) == ("new_events", True, 2)
    assert record.why == "retraining: new_events"
    assert [stage.stage for stage in record.stages][-1] == "publish"
    old, new = (Shop.read(lake, published(lake, number)) for number in (1, 2))
    assert new.history.nnz > old.history.nnz  # each version is read as it was published


def test_fewer_new_events_than_the_threshold_do_not(shop):
    users, items = people_of(shop)

    assert not measured(shop, [(users[0], items[0], "view", 0)], new_events_share=0.01).is_needed


def test_drift_of_a_feature_alone_speaks_and_is_named(shop):
    users, items = people_of(shop)
    looks = [(u, items[0], "view", 40 * k) for k in range(20) for u in users]  # and leaves
    decision = measured(shop, looks, max_feature_psi=0.25)

    assert speaking(decision) == ["features"]
    psi = reason(decision, "features").details["psi"]
    assert psi["session_features.length"] > 0.25


def test_drift_of_predictions_alone_speaks(shop):
    users, items = people_of(shop)
    bought = [(u, i, "purchase", n) for n, u in enumerate(users) for i in items[:12]]
    decision = measured(shop, bought, max_prediction_psi=0.1)

    assert speaking(decision) == ["predictions"]
    psi = reason(decision, "predictions").details["psi"]
    assert {"popularity", "category", "price"} <= set(psi)


def test_a_fall_of_the_hit_rate_alone_speaks(shop):
    users, _ = people_of(shop)
    bought = [(user, "never-seen", "purchase", n) for n, user in enumerate(users)]
    decision = measured(shop, bought, max_quality_drop=0.3)

    found = reason(decision, "quality")
    assert (found.verdict, found.now) == (True, 1.0), found.says  # nobody did what lists say
    assert "HR@10 0.0000 [0.0000, 0.0000]" in found.says
    assert speaking(decision) == ["quality"]


def test_few_users_give_no_verdict_on_quality(shop):
    users, _ = people_of(shop)
    bought = [(user, "never-seen", "purchase", 0) for user in users[:5]]
    found = reason(measured(shop, bought, max_quality_drop=0.3), "quality")

    assert found.verdict is None
    assert "only 5 users" in found.says


def test_a_null_threshold_switches_its_reason_off(shop):
    users, _ = people_of(shop)
    decision = measured(shop, [(user, "never-seen", "purchase", 0) for user in users])

    assert not decision.is_needed
    assert {one.verdict for one in decision.reasons} == {None}
    assert all("is null" in one.says for one in decision.reasons)


@pytest.mark.long
def test_asked_for_it_trains_whatever_the_reasons_and_waits_where_another_is_held(shop):
    loaded = settings_of(shop)
    lake, making = open_lake(loaded), Making(key="k", stage="promote", run_id="r")
    users, items = people_of(shop)
    bring(shop, [(users[0], items[0], "view", 0)])
    first, second = lake.latest(PUBLISHED), Draft(lake, PUBLISHED)
    for file in first.files:
        second.keep(file)
    second.commit(making, first.parents, details=first.details)
    promote(lake, making, 1, "the newest is no good")
    decision = retrain(loaded, if_needed=False)

    assert (decision.why, decision.is_trained, decision.serves) == ("asked for", True, 1)
    assert decision.says.endswith("Number 3 waits: 1 is held.")


def test_every_decision_is_a_version_and_is_logged(shop):
    loaded = load_settings(shop, environment={})
    retrain(loaded)
    retrain(settings_of(shop, max_age_days=1e-9))
    lake = open_lake(loaded)
    kept = [
        Decision.model_validate_json(lake.read_file(one, "decision.json"))
        for one in lake.history("retraining")
    ]

    assert [one.why for one in kept] == ["there is no champion yet", "not needed", "age"]
    assert lake.latest("retraining").layer == "models"
    log = (shop / "logs" / "retraining.log").read_text()
    assert log.count("Reason measured: name=quality") == 2
    assert "Decided: trains=True, why=age" in log


def test_a_dry_run_measures_and_changes_nothing(shop):
    users, items = people_of(shop)
    bring(shop, [(user, items[0], "view", n) for n, user in enumerate(users)])
    before = files_of(shop)
    decision = measure_only(settings_of(shop, max_age_days=1e-9, new_events_share=0.01))

    assert speaking(decision) == ["age"]  # the new file was not brought in
    assert not decision.is_trained
    assert files_of(shop) == before


def files_of(folder):
    return {str(path) for path in folder.rglob("*") if path.is_file()}


KILLED = """
import os, signal, sys
sys.modules["catboost"] = None  # as in the tests, which hide pandas
from pathlib import Path
from recomart.pipeline import runner
from recomart.pipeline.retraining import retrain
from recomart.settings import load_settings
real = runner.Session.run_stage
def run_stage(self, stage):
    if stage.name == "train":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, stage)
runner.Session.run_stage = run_stage
retrain(load_settings(Path(sys.argv[1]), environment={}))
"""


@pytest.mark.long
def test_killed_after_the_decision_the_next_one_trains(shop):
    users, items = people_of(shop)
    bring(shop, [(u, i, "view", n) for n, u in enumerate(users) for i in items[:20]])
    done = subprocess.run([sys.executable, "-c", KILLED, str(shop)], check=False)
    loaded = load_settings(shop, environment={})
    lake = open_lake(loaded)

    assert done.returncode == -signal.SIGKILL
    assert [len(lake.history(name)) for name in ("retraining", PUBLISHED)] == [2, 1]
    again = retrain(loaded)
    assert "new_events" in again.why
    assert (again.is_trained, again.serves) == (True, 2)


def test_two_at_once_are_refused(shop):
    with lease(shop / "data" / "lake", "other"), pytest.raises(LakeBusyError, match="other"):
        retrain(load_settings(shop, environment={}))


def test_the_command_tells_reasons_and_decision(shop):
    ask = ["-s", str(shop), "--set", "retraining.max_quality_drop=null"]
    table = CliRunner().invoke(recomart, [*ask, "retrain", "--if-needed"])
    as_json = CliRunner().invoke(recomart, [*ask, "--json", "retrain", "--dry-run"])

    assert (table.exit_code, as_json.exit_code) == (0, 0)
    assert "name\tnow\tthreshold\tverdict\tsays" in table.output
    assert "quality\t-\t-\t-\tswitched off" in table.output
    assert "Retraining: not needed. Nothing was trained." in table.output
    assert json.loads(as_json.output)["is_needed"] is False
