"""MLflow hears of every run once: whatever is down, cut off, or told again."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from recomart.errors import SourceFileError
from recomart.evaluation.tracking import connected
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.pipeline.followers import tell_followers
from recomart.pipeline.promotion import promote, rollback
from recomart.pipeline.runs import Runs
from recomart.ranking import Champion
from tests.servers import free_port, running
from tests.trained import answers, copy_of, settings_of, unsigned, users_of

MODELS = {"popularity", "cooccurrence", "rp3beta", "cascade"}
SERVE = """
import sys
from werkzeug.serving import make_server
from mlflow.server import app
make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
"""
LOAD = """
import json, sys

def refuse(event, _):
    if event.startswith("pickle"):
        raise RuntimeError(event)

import mlflow, pandas
sys.addaudithook(refuse)
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/Small shop@champion")
users = pandas.DataFrame({"user_id": json.loads(sys.argv[2])})
print(json.dumps(model.predict(users, params={"n": 5})))
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory, pandas_allowed):
    """An empty MLflow database; to make one takes a second."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "recomart.yaml").write_text("project: Nobody\n", encoding="utf-8")
    with connected(settings_of(folder)) as client:
        client.search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def shop(published_shop, database, tmp_path):
    loaded = copy_of(published_shop, tmp_path / "shop")
    (loaded.folder / "mlflow.db").write_bytes(database.read_bytes())
    return loaded


def tell(loaded):
    [told] = [
        one
        for one in tell_followers(loaded, Runs.of(loaded, open_lake(loaded)))
        if one.follower == "tracking"
    ]
    return told


def at(shop, port, **tracking):
    """The same shop, with its MLflow elsewhere."""
    uri = f"http://me:secret@127.0.0.1:{port}"
    return settings_of(shop.folder, tracking={"uri": uri, **tracking})


@contextmanager
def tracked(loaded, experiment="Small shop"):
    """What MLflow has: the client, runs of the pipeline by id, and those below each."""
    with connected(loaded) as client:
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id])
        above = {
            r.data.tags["recomart.run_id"]: r for r in runs if "recomart.model" not in r.data.tags
        }
        below = {name: [] for name in above}
        for one in runs:
            if "recomart.model" in one.data.tags:
                below[one.data.tags["recomart.run_id"]].append(one)
        assert len(above) + sum(map(len, below.values())) == len(runs)
        yield client, above, below


def aliases(loaded):
    with connected(loaded) as client:
        model = client.get_registered_model("Small shop")
        versions = {
            str(one.version): int(one.tags["recomart.published"])
            for one in client.search_model_versions("name = 'Small shop'")
        }
        assert len(set(versions.values())) == len(versions)
        return {alias: versions[str(at)] for alias, at in model.aliases.items()}


def assert_told_once(loaded, experiment="Small shop"):
    with tracked(loaded, experiment) as (_, above, below):
        assert len(above) == 2
        for run_id, one in above.items():
            assert one.info.status == "FINISHED"
            assert {b.data.tags["recomart.model"] for b in below[run_id]} == MODELS
            assert len(below[run_id]) == len(MODELS)
            assert {b.data.tags["mlflow.parentRunId"] for b in below[run_id]} == {one.info.run_id}
    assert aliases(loaded) == {"champion": 2}


def test_a_run_is_told_with_its_figures_data_and_files(shop):
    assert tell(shop).told == 2
    with tracked(shop) as (client, above, below):
        first = above[min(above)]
        [cascade] = [r for r in below[min(above)] if r.data.tags["recomart.model"] == "cascade"]
        files = {one.path for one in client.list_artifacts(first.info.run_id)}

    assert first.data.metrics["rows/events"] > 2_000
    assert first.data.metrics["quality score"] > 90
    assert first.data.tags["recomart.serves"] == "cascade"
    assert first.data.tags["mlflow.note.content"].startswith("# Model card: cascade")
    assert {one.dataset.name for one in first.inputs.dataset_inputs} >= {"raw_events", "events"}
    assert files >= {"run.json", "data_sets.json", "evaluation.html", "model_card.md", "model"}
    low, mean, high = (cascade.data.metrics[f"{at}ndcg_at_10"] for at in ("low/", "", "high/"))
    assert low <= mean <= high
    assert {"segments/cold users", "beyond/novelty", "coverage/all"} <= set(cascade.data.metrics)
    assert cascade.data.params["trees"] == "20"
    assert cascade.data.params["data.cut_at"] > "2"


def test_told_again_nothing_is_there_twice(shop):
    tell(shop)
    for key in open_lake(shop).objects.keys("told"):
        open_lake(shop).objects.delete(key)

    assert tell(shop).told == 2
    assert_told_once(shop)
    assert tell(shop).told == 0


def test_a_run_that_failed_or_was_killed_is_told_as_such(shop):
    (shop.folder / "shop" / "categories.csv").rename(shop.folder / "aside.csv")
    with pytest.raises(SourceFileError):
        run(shop, ["ingest"])
    runs = Runs.of(shop, open_lake(shop))
    killed = runs.all()[-1].model_copy(update={"run_id": "20990101T0Z-k", "outcome": "running"})
    killed.stages[0].outcome, killed.ended_at = "running", ""
    runs.save(killed)
    runs.settle()
    tell(shop)

    with tracked(shop) as (_, above, _):
        states = [above[name].info.status for name in sorted(above)]
        errors = [above[name].data.tags.get("recomart.error", "") for name in sorted(above)]
    assert states == ["FINISHED", "FINISHED", "FAILED", "KILLED"]
    assert "No file matches" in errors[2]


def test_what_the_lake_no_longer_has_is_named_and_the_rest_is_told(shop):
    lake = open_lake(shop)
    for path in lake.paths(lake.history("evaluation")[0].files):
        path.write_bytes(b"damaged")

    assert tell(shop).told == 2
    with tracked(shop) as (_, above, below):
        assert above[min(above)].data.tags["recomart.missing"] == "evaluation"
        assert [len(below[name]) for name in sorted(above)] == [0, len(MODELS)]


def test_a_server_that_is_down_or_hangs_costs_seconds_and_no_run(shop):
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, never answers
        for port in (free_port(), deaf.getsockname()[1]):
            nowhere = at(shop, port, timeout_s=1)
            began = time.perf_counter()
            told = tell(nowhere)

            assert time.perf_counter() - began < 10
            assert (told.told, told.waiting) == (0, 2)
            assert f"MLflow at http://me:***@127.0.0.1:{port} did not answer" in told.cause
            assert "secret" not in told.cause
    assert run(at(shop, free_port()), ["ingest"], force=True).outcome == "done"

    assert tell(shop).told >= 2


@pytest.fixture(scope="module")
def server(tmp_path_factory, database):
    """The port of MLflow's own server."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    (folder / "mlflow.db").write_bytes(database.read_bytes())
    names = {
        "FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "REGISTRY_STORE": f"sqlite:///{folder}/mlflow.db",
        "ARTIFACT_ROOT": "mlflow-artifacts:/",
        "SERVE_ARTIFACTS": "true",
        "ARTIFACT_DESTINATION": str(folder / "artefacts"),
    }

    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {f"_MLFLOW_SERVER_{name}": value for name, value in names.items()}
    with running([sys.executable, "-c", SERVE, str(port)], port, env=environment):
        yield port


@contextmanager
def door_to(port):
    """A door to a server, and how many requests it still lets pass before the server is down.

    With `loses_answer` the first one after them still arrives, and only its answer is lost.
    """
    state = SimpleNamespace(left=0, loses_answer=False)

    class Door(BaseHTTPRequestHandler):
        def pass_on(self):
            state.left -= 1
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if state.left >= 0 or (state.left == -1 and state.loses_answer):
                inner = HTTPConnection("127.0.0.1", port)
                inner.request(self.command, self.path, body, dict(self.headers))
                answer, read = (got := inner.getresponse()), got.read()
            if state.left >= 0:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.end_headers()
                self.wfile.write(read)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = pass_on  # noqa: N815 -- http.server

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        yield door.server_address[1], state
        door.shutdown()


@pytest.mark.parametrize("loses_answer", [False, True])
def test_a_server_that_goes_down_half_way_has_each_run_once_in_the_end(shop, server, loses_answer):
    experiment = f"loses an answer: {loses_answer}"
    with door_to(server) as (port, state):
        through = at(shop, port, timeout_s=5, experiment=experiment)
        state.loses_answer = loses_answer
        for passing in (1, 9, 30):
            state.left = passing
            assert tell(through).waiting > 0
        state.left = 1_000
        tell(through)
        assert_told_once(through, experiment)


def test_aliases_follow_what_serves(shop):
    tell(shop)
    rollback(shop, "looks odd")
    assert aliases(shop) == {"champion": 1, "challenger": 2}
    promote(at(shop, free_port()), None, "was not so bad")
    assert aliases(shop) == {"champion": 1, "challenger": 2}  # it was down

    assert tell(shop).told == 1
    assert aliases(shop) == {"champion": 2}
    with tracked(shop) as (_, above, _):
        assert len(above) == 2  # a change of alias is no run of MLflow


def test_mlflow_loads_what_serves_without_pickle_and_it_answers_as_the_shop_does(shop):
    rollback(shop, "the cascade, please")
    users, place = users_of(shop), f"sqlite:///{shop.folder}/mlflow.db"
    command = [sys.executable, "-c", LOAD, place, json.dumps(users)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stderr
    assert unsigned(json.loads(done.stdout)) == answers(shop, 1, users)


def test_a_rollback_answers_as_before_and_outlives_what_is_published_after_it(
    published_shop, tmp_path
):
    copy_of(published_shop, tmp_path)
    shop = settings_of(tmp_path, tracking={"is_on": False})
    lake = open_lake(shop)
    first, second = lake.history("published_model")
    user = Champion.open(shop).shop.users[3].as_py()
    rollback(shop, "looks odd")
    assert Champion.open(shop).version == first.version != second.version
    assert Champion.open(shop).name == "cascade"

    newer = {"models": {"serve": "cooccurrence"}, "tracking": {"is_on": False}}
    run(settings_of(tmp_path, **newer), ["evaluate", "publish"])
    assert lake.latest("published_model").number == 3
    assert Champion.open(shop).version == first.version
    promote(shop, None, "")
    assert Champion.open(shop).recommend(user, 5)[0].source == "cooccurrence"
