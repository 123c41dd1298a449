"""The DAG for Airflow says what the pipeline says. Airflow itself is asked by `make airflow`."""

import ast
import re
from datetime import timedelta
from pathlib import Path

from recomart.cli import recomart
from recomart.errors import BadInputError, IntegrityError, NotFoundError, UnavailableError
from recomart.pipeline import in_order
from recomart.settings import OrchestrationSettings

FILE = Path(__file__).parents[1] / "deploy/airflow/dags/recomart_recommendation_pipeline.py"
TEXT = FILE.read_text(encoding="utf-8")
TREE = ast.parse(TEXT)


def value_of(name):
    """A literal that stands at the top of the file."""
    [found] = [
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return ast.literal_eval(found)


def test_it_has_the_stages_of_the_pipeline_in_their_order_and_parts():
    told = [(part, name) for part, names in value_of("STAGES").items() for name in names]

    assert told == [(stage.part, stage.name) for stage in in_order()]


def test_each_of_its_tasks_is_a_command():
    names = [name.replace("_", "-") for names in value_of("STAGES").values() for name in names]

    assert [name for name in names if name not in recomart.commands] == []


def test_its_assets_are_written_by_stages():
    assert value_of("ASSETS").keys() <= {stage.name for stage in in_order()}


def test_it_tries_again_as_the_settings_do_by_default():
    found = re.search(r"^RETRIES, RETRY_WAIT, TIMEOUT = (.*)$", TEXT, re.MULTILINE)[1]
    retries, wait, patience = eval(found, {"timedelta": timedelta})  # noqa: S307 - our own file
    ours = OrchestrationSettings()

    assert retries == ours.retries
    assert wait == timedelta(seconds=ours.retry_wait_s)
    assert patience == timedelta(minutes=ours.timeout_minutes)


def test_it_tries_again_only_what_may_help():
    final = value_of("FINAL")

    assert UnavailableError.exit_status not in final
    for error in (BadInputError, NotFoundError, IntegrityError):
        assert error.exit_status in final


def test_it_imports_airflow_and_the_standard_library_alone():
    roots = {
        (node.module or "").partition(".")[0]
        if isinstance(node, ast.ImportFrom)
        else node.names[0].name.partition(".")[0]
        for node in ast.walk(TREE)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    known = {"__future__", "airflow", "datetime", "os", "shlex", "subprocess", "typing", "zoneinfo"}
    assert roots <= known
