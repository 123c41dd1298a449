"""kill -9 of `recomart experiment`: the state before or after, never half, and it goes on."""

import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from recomart.errors import BadInputError
from recomart.experiments.stage import read_report
from recomart.lake import Draft, open_lake
from recomart.pipeline import experiments
from recomart.ranking.experiments import read_experiments
from recomart.settings import load_settings
from recomart.sources.exposures import SCHEMA
from recomart.vocabulary import DAY_US
from tests.experiments.shop import HALVES, owners, seen
from tests.monitoring.lists import MAKING
from tests.trained import copy_of

KILLED = """
import os, signal, sys
dataset, when, *words = sys.argv[1:]
link = os.link
def watched(aside, path):
    is_manifest = f"/{dataset}/manifests/" in str(path)
    if is_manifest and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    link(aside, path)
    if is_manifest or when == "file" and f"/{dataset}/" in str(path):
        os.kill(os.getpid(), signal.SIGKILL)
os.link = watched
from recomart.cli import recomart
recomart(words)
"""
DECLARED = f"""
tracking: {{is_on: false}}
experiments: {{tests: {{trial: {{variants: {HALVES}, before_days: 0}}}}}}
"""
N_LISTS = 150


@pytest.fixture(scope="module")
def declared(published_shop, tmp_path_factory):
    """A shop with two published models that declares an experiment."""
    folder = tmp_path_factory.mktemp("declared")
    copy_of(published_shop, folder)
    with (folder / "recomart.yaml").open("a", encoding="utf-8") as file:
        file.write(DECLARED)
    return folder


@pytest.fixture(scope="module")
def running(declared, tmp_path_factory):
    """The same, and it runs; one variant's lists were all made by another model."""
    folder = tmp_path_factory.mktemp("running")
    lake = open_lake(copy_of(declared, folder))
    one = experiments.start(load_settings(folder, environment={}), "trial", "test")
    by_bucket, shown = owners(one), []
    for number in range(2 * N_LISTS):
        lines = seen(one, f"user{number}", one.started_us + number, by_bucket=by_bucket)
        is_astray = lines[0]["variant"] == "new"
        shown += [{**line, **({"model_version": "another"} if is_astray else {})} for line in lines]
    draft = Draft(lake, "exposures")
    draft.add_table(pa.Table.from_pylist(shown, SCHEMA).to_reader(), str(DAY_US))
    draft.commit(MAKING)
    return folder


def killed(shop, folder, dataset, when, *words):
    """Call a command on a copy of a shop, and kill it where it writes; give the copy."""
    loaded = copy_of(shop, folder)
    command = [sys.executable, "-c", KILLED, dataset, when, "-s", str(folder), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return loaded


def state(loaded):
    [one] = read_experiments(open_lake(loaded)).experiments or (None,)
    return one


@pytest.mark.parametrize("when", ["file", "before", "after"])
def test_a_start_has_happened_or_not(when, declared, tmp_path):
    loaded = killed(declared, tmp_path, "experiments", when, "experiment", "start", "trial")
    found = state(loaded)

    if when == "after":
        assert found.is_running
        with pytest.raises(BadInputError, match="started before"):
            experiments.start(loaded, "trial", "again")
    else:
        assert found is None
        assert experiments.start(loaded, "trial", "again").is_running
    assert not experiments.stop(loaded, "trial", None, "enough").is_running


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stop_has_happened_or_not(when, running, tmp_path):
    words = ("experiment", "stop", "trial", "--why", "enough")
    loaded = killed(running, tmp_path, "experiments", when, *words)
    before = state(loaded)

    if when == "after":
        assert (before.is_running, before.why) == (False, "enough")
        with pytest.raises(BadInputError, match="ended already"):
            experiments.stop(loaded, "trial", None, "again")
    else:
        assert before == state(load_settings(running, environment={}))
        assert experiments.stop(loaded, "trial", None, "again").why == "again"


@pytest.mark.parametrize(
    ("dataset", "when"),
    [("experiments", "before"), ("experiments", "after"), ("experiment_report", "before")],
)
def test_a_report_that_is_killed_has_stopped_a_variant_or_not(dataset, when, running, tmp_path):
    loaded = killed(running, tmp_path, dataset, when, "experiment", "report")
    before = state(loaded)
    is_stopped = (dataset, when) != ("experiments", "before")
    assert before.is_running != is_stopped
    assert open_lake(loaded).find("experiment_report") is None

    [told] = experiments.report(loaded).experiments

    after = state(loaded)
    assert not after.is_running
    assert "of its" in after.variant("new").why
    assert after == before or not is_stopped
    assert sum(one.lists for one in told.variants) == 2 * N_LISTS
    assert read_report(open_lake(loaded)).experiments == (told,)
