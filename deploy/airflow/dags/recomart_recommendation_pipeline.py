"""RecoMart's pipeline as a DAG for Airflow 3: the same stages, in the same order.

Copy this file into Airflow's folder of DAGs. It imports Airflow alone; RecoMart lives in an
environment of its own, and each task calls one command of it. Airflow's variables:

    recomart_settings   path of recomart.yaml, as the worker sees it; needed
    recomart_command    how the worker calls RecoMart; `recomart` if not given
    recomart_schedule   five fields of cron, or a preset; `@daily` if not given
    recomart_timezone   in which the fields are meant; `UTC` if not given

A task may be killed and run again at any moment: what a stage committed is there, the rest is not.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, BaseOperator, TaskGroup, Variable, chain
from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

STAGES = {
    "data_processing": (
        "ingest",
        "drain",
        "validate",
        "quality_report",
        "prepare",
        "explore",
        "build_features",
        "load_warehouse",
        "materialise",
        "registry_page",
    ),
    "model_training": (
        "training_rows",
        "train_ranker",
        "train",
        "evaluate",
        "publish",
    ),
}
"""By part, in order: one after the other, for the lake has one writer."""

ASSETS = {
    "ingest": "raw",
    "validate": "validated",
    "prepare": "prepared",
    "build_features": "features",
    "train": "models",
    "evaluate": "evaluation",
    "publish": "published_model",
}
"""What other DAGs may wait for."""

RETRIES, RETRY_WAIT, TIMEOUT = 2, timedelta(seconds=30), timedelta(minutes=240)
FINAL = (2, 3, 5)
"""Exit statuses that trying again does not mend: bad input, not found, damaged bytes."""
GRACE_S = 10
FOREIGN = ("AIRFLOW", "_AIRFLOW", "PYTHON", "VIRTUAL_ENV")
"""What of Airflow's environment is none of RecoMart's business; its secrets are among it."""


class RecomartOperator(BaseOperator):
    """Runs one command of RecoMart, without a shell; its words go to the task's log."""

    def __init__(self, *, command: str, **options: Any) -> None:
        super().__init__(**options)
        self.command = command

    def execute(self, context: Context) -> None:  # noqa: ARG002 -- Airflow hands it over
        """Run the command. What cannot be mended by trying again is not tried again."""
        status = self._run(_words(self.command))
        if status in FINAL:
            raise AirflowFailException(f"recomart {self.command} ended with {status}; see above.")
        if status != 0:
            raise AirflowException(f"recomart {self.command} ended with {status}; see above.")

    def _run(self, words: list[str]) -> int:
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        process = subprocess.Popen(
            words, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            for line in process.stdout or ():
                self.log.info("%s", line.rstrip())
            return process.wait()
        finally:  # a time-out, or somebody who ends the task
            _end(process)


def _words(command: str) -> list[str]:
    settings = Variable.get("recomart_settings", default="")
    if not settings:
        raise AirflowFailException("Set Airflow's variable recomart_settings: a recomart.yaml.")
    recomart = shlex.split(Variable.get("recomart_command", default="recomart"))
    return [*recomart, "--settings", settings, command]


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _task(stage: str) -> RecomartOperator:
    asset = ASSETS.get(stage)
    return RecomartOperator(
        task_id=stage,
        command=stage.replace("_", "-"),
        outlets=[Asset(name=f"recomart_{asset}", uri=f"recomart://{asset}")] if asset else [],
    )


with DAG(
    dag_id="recomart_recommendation_pipeline",
    description="From new raw files to published models",
    schedule=Variable.get("recomart_schedule", default="@daily"),
    start_date=datetime(
        2026, 1, 1, tzinfo=ZoneInfo(Variable.get("recomart_timezone", default="UTC"))
    ),
    catchup=False,
    max_active_runs=1,
    tags=["recomart"],
    doc_md=__doc__,
    default_args={
        "retries": RETRIES,
        "retry_delay": RETRY_WAIT,
        "retry_exponential_backoff": 2,
        "execution_timeout": TIMEOUT,
    },
) as dag:
    tasks = []
    for part, stages in STAGES.items():
        with TaskGroup(part):
            tasks += [_task(stage) for stage in stages]
    chain(*tasks)
