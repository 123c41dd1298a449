"""The flow on a real Prefect server: a task a stage, one writer, and the same after kill -9.

Each flow runs in a process of its own, as it does on a worker; the server is asked over HTTP.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from recomart.errors import (
    LakeBusyError,
    MissingExtraError,
    SettingsError,
    SourceFileError,
    UnavailableError,
)
from recomart.lake import open_lake
from recomart.lake.lease import lease
from recomart.pipeline import run
from recomart.pipeline.runs import Runs
from recomart.pipeline.schedule import Plan, first_run
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS
from tests.servers import PATIENCE_S, free_port

ROOT = Path(__file__).parents[2]
DATA = ["ingest", "validate", "quality_report", "prepare"]


class Server:
    """What the tests ask of Prefect."""

    def __init__(self, url, environment):
        self.url = url
        self.environment = environment

    def post(self, what, **body):
        answer = httpx.post(f"{self.url}/{what}", json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def runs(self, loaded):
        """The flow runs of a shop, oldest first."""
        of_shop = [
            one
            for one in self.post("flow_runs/filter", sort="START_TIME_ASC")
            if one["parameters"].get("settings") == str(loaded.folder / "recomart.yaml")
        ]
        return [one for one in of_shop if one["start_time"]]

    def tasks(self, flow_run):
        """Its task runs, oldest first."""
        wanted = {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}
        return self.post("task_runs/filter", sort="EXPECTED_START_TIME_ASC", **wanted)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    url = f"http://127.0.0.1:{port}/api"
    quiet = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    environment = {**os.environ, **quiet, "PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: answers(url), 4 * PATIENCE_S)
        yield Server(url, environment)
    finally:
        process.terminate()
        process.wait(20)


def answers(url):
    try:
        return httpx.get(f"{url}/health", trust_env=False).text == "true"
    except httpx.HTTPError:
        return False


def wait_until(happens, patience=PATIENCE_S):
    end = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def flow(server, loaded):
    """Start the flow on the shop, for some stages, with some environment."""

    def start(*only, **environment):
        file = loaded.folder / "recomart.yaml"
        return subprocess.Popen(
            [sys.executable, "-m", "recomart.pipeline.prefect_flow", file, *only],
            env={**server.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def ended(process):
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def versions(loaded):
    """What was made; raw data stands apart, for it carries the day on which it came in."""
    lake = open_lake(loaded)
    made = {name: lake.latest(name).version for name in lake.names()}
    return {name: version for name, version in made.items() if not name.startswith("raw_")}


def states(server, loaded):
    return [one["state_type"] for one in server.runs(loaded)]


def records(loaded):
    return Runs.of(loaded, open_lake(loaded)).all()


def test_a_run_is_a_task_a_stage_with_its_logs_and_what_a_person_looks_at(server, flow, loaded):
    status, said = ended(flow(*DATA))
    assert status == 0, said
    [done] = server.runs(loaded)
    tasks = server.tasks(done)

    assert done["name"] == records(loaded)[-1].run_id
    assert records(loaded)[-1].why == "prefect"
    assert [task["name"] for task in tasks] == DATA
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    assert {tag for task in tasks for tag in task["tags"]} >= {"data_processing"}
    logs = server.post("logs/filter", logs={"task_run_id": {"any_": [tasks[0]["id"]]}})
    assert any("Ingested 3061 interactions" in log["message"] for log in logs)
    of_run = {"flow_runs": {"id": {"any_": [done["id"]]}}}
    [quality] = server.post("artifacts/filter", **of_run)
    assert quality["key"] == "small-shop-quality"
    assert "| all | 99." in quality["data"]


def test_a_failed_stage_blocks_those_after_it(server, flow, loaded):
    (loaded.folder / "shop").unlink()
    status, said = ended(flow(*DATA))
    [failed] = server.runs(loaded)

    assert status == SourceFileError.exit_status
    assert said.rstrip().splitlines()[-2].startswith("RM-120: No file matches")
    assert failed["state_type"] == "FAILED"
    assert [(t["name"], t["state_type"]) for t in server.tasks(failed)] == [("ingest", "FAILED")]
    assert records(loaded)[-1].outcome == "failed"


def test_what_did_not_answer_is_asked_again_and_each_attempt_is_kept(server, flow, loaded):
    nobody = f"{{kind: rest, url: 'http://127.0.0.1:{free_port()}', max_attempts: 1}}"
    status, _ = ended(
        flow(
            "ingest",
            RECOMART_SOURCES__CATALOGUE=nobody,
            RECOMART_ORCHESTRATION__RETRIES="1",
            RECOMART_ORCHESTRATION__RETRY_WAIT_S="0.1",
        )
    )
    [failed] = server.runs(loaded)
    attempts = records(loaded)[-1].stages

    assert status == UnavailableError.exit_status
    assert [task["run_count"] for task in server.tasks(failed)] == [2]
    assert [(one.stage, one.outcome) for one in attempts] == [("ingest", "failed")] * 2


@pytest.mark.long
def test_a_stage_that_takes_too_long_is_ended_and_the_record_says_so(server, flow, loaded):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        status, said = ended(
            flow(
                "ingest",
                RECOMART_SOURCES__CATALOGUE=f"{{kind: rest, url: '{url}', timeout_s: 60}}",
                RECOMART_ORCHESTRATION__TIMEOUT_MINUTES="0.05",
            )
        )

    assert status == UnavailableError.exit_status
    assert "The stage ingest took longer than 0.05 minutes." in said
    assert "took longer" in records(loaded)[-1].stages[-1].error


def test_a_second_writer_fails_at_once_and_harms_nothing(server, flow, loaded):
    with lease(loaded.path("data/lake"), "other"):
        status, _ = ended(flow("ingest"))
    [failed] = server.runs(loaded)

    assert status == LakeBusyError.exit_status
    assert "RM-401" in failed["state"]["message"]
    assert server.tasks(failed) == []
    assert open_lake(loaded).names() == []


@pytest.mark.long
def test_killed_at_random_it_ends_with_the_same_bytes_and_no_run_is_left_running(
    server, flow, loaded, tmp_path_factory, shop_files
):
    for killed in range(N_KILLS):
        process = flow(*DATA)
        wait_until(lambda n=killed: states(server, loaded)[n:] == ["RUNNING"])
        time.sleep(random.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        ended(process)
    status, said = ended(flow(*DATA))

    assert status == 0, said
    assert "RUNNING" not in states(server, loaded)
    assert states(server, loaded).count("CRASHED") >= 1
    assert states(server, loaded)[-1] == "COMPLETED"
    tasks = [task for one in server.runs(loaded) for task in server.tasks(one)]
    assert "RUNNING" not in {task["state_type"] for task in tasks}
    twin = undisturbed(tmp_path_factory.mktemp("twin"), shop_files)
    assert versions(loaded) == versions(twin)


N_KILLS = 3


def undisturbed(folder, shop_files):
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded, DATA)
    return loaded


@pytest.mark.long
def test_a_schedule_brings_its_server_runs_by_it_and_ends_well(server, loaded):
    environment = {**server.environment, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    del environment["PREFECT_API_URL"]
    port = free_port()
    own = Server(f"http://127.0.0.1:{port}/api", environment)
    words = ["-s", str(loaded.folder / "recomart.yaml"), "schedule", "--only", "ingest"]
    with subprocess.Popen(
        [sys.executable, "-c", CLI, *words, "--cron", "0 3 * * *", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: answers(own.url) and own.post("deployments/filter"), 4 * PATIENCE_S)
        [deployment] = own.post("deployments/filter")
        by_clock = {"deployments": {"id": {"any_": [deployment["id"]]}}}
        wait_until(lambda: own.post("flow_runs/filter", **by_clock))  # the clock's
        own.post(
            f"deployments/{deployment['id']}/create_flow_run", parameters=deployment["parameters"]
        )
        wait_until(lambda: states(own, loaded) == ["COMPLETED"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    assert records(loaded)[-1].why == "schedule"
    assert not answers(own.url)


IN_THE_BACKGROUND = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does to what it starts with &
from recomart.pipeline.prefect_runner import GracefulRunner
GracefulRunner.handle_sigterm(None)
"""


def test_sigterm_ends_a_schedule_that_a_script_put_in_the_background():
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_BACKGROUND], capture_output=True, text=True, check=False
    )

    assert "KeyboardInterrupt" in done.stderr


CLI = "from recomart.cli import main; main()"


WITHOUT = "import runpy, sys; sys.modules['prefect'] = None; "


@pytest.mark.parametrize(
    "call",
    [
        f"{CLI[:-6]}sys.argv[1:] = ['schedule', '--cron', '0 3 * * *']; main()",
        "runpy.run_module('recomart.pipeline.prefect_flow', run_name='__main__')",
    ],
)
def test_without_prefect_it_says_what_to_install(call, tmp_path):
    command = [sys.executable, "-c", WITHOUT + call]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == MissingExtraError.exit_status, done.stderr
    assert "pip install 'recomart[prefect]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("cron", "timezone"), [("at three", "UTC"), ("0 0 31 2 *", "UTC"), ("0 3 * * *", "Mars")]
)
def test_a_schedule_that_is_none_is_refused(cron, timezone):
    with pytest.raises(SettingsError, match="is no schedule"):
        first_run(Plan(cron, timezone, ""))


def test_the_moment_of_the_first_run_is_told_in_its_time_zone():
    told = first_run(Plan("0 3 * * *", "Europe/Berlin", ""))

    assert "T03:00+0" in told


LOAD = """
import sys, yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import load_flow_from_entrypoint
for one in PrefectYamlModel.model_validate(yaml.safe_load(open(sys.argv[1]))).deployments:
    flow = load_flow_from_entrypoint(one.entrypoint)
    print(flow.name, sorted(flow.validate_parameters(one.parameters)))
    print(*(CronSchedule(cron=s.cron, timezone=s.timezone).cron for s in one.schedules))
"""


def test_the_deployment_for_a_worker_is_one_to_prefect():
    file = ROOT / "deploy/prefect/prefect.yaml"
    command = [sys.executable, "-c", LOAD, file]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [
        "recomart ['force', 'only', 'settings', 'why']",
        "0 3 * * *",
    ]
