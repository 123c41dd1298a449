"""Hold the DAG to a real Airflow, which lives in an environment of its own.

    python scripts/airflow_dag.py parse    import it; compare its tasks with the pipeline's stages
    python scripts/airflow_dag.py run      run it to its end on a small made-up shop

Called by `make airflow` and `make airflow-run`. Airflow's home is a temporary folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recomart.pipeline import in_order

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW = ROOT / ".airflow-venv" / "bin"
DAGS = ROOT / "deploy" / "airflow" / "dags"
DAG = "recomart_recommendation_pipeline"
PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
dags = {name: [task.task_id for task in dag.topological_sort()] for name, dag in bag.dags.items()}
open(sys.argv[2], "w").write(json.dumps({"dags": dags, "errors": bag.import_errors}))
"""
SETTINGS = """\
project: Airflow's shop
sources:
  events: {kind: csv, path: shop/events/*.csv}
  categories: {kind: csv, holds: categories, path: shop/categories.csv}
models: {train: [popularity, cooccurrence, rp3beta]}
ranking: {retrievers: [popularity, cooccurrence, rp3beta]}
evaluation: {bootstrap: 100}
"""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of an Airflow that knows our DAG alone."""
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW_VAR_RECOMART_SETTINGS": str(home / "recomart.yaml"),
        "AIRFLOW_VAR_RECOMART_COMMAND": str(Path(sys.executable).with_name("recomart")),
    }
    return {**os.environ, **own}


def parse(home: Path) -> None:
    """Import the DAG file and compare; ends the process with a word if something is wrong."""
    found = home / "found.json"
    command = [str(AIRFLOW / "python"), "-c", PARSE, str(DAGS), str(found)]
    subprocess.run(command, env=environment(home), check=True, cwd=home)
    told = json.loads(found.read_text(encoding="utf-8"))
    wanted = [f"{stage.part}.{stage.name}" for stage in in_order()]
    if told["errors"] or told["dags"] != {DAG: wanted}:
        sys.exit(f"The DAG is not as it should be: {json.dumps(told, indent=1)}")
    print(f"{DAG}: {len(wanted)} tasks, in the pipeline's order.")


def run(home: Path) -> None:
    """Run the DAG to its end, and see that a model was published."""
    from recomart.lake import open_lake
    from recomart.settings import load_settings
    from recomart.sources.generator import ShopSpec, generate_shop

    generate_shop(home / "shop", ShopSpec(n_users=60, n_items=40, n_events=3_000, days=10))
    (home / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    for words in (["db", "migrate"], ["dags", "test", DAG, "-f", str(DAGS / f"{DAG}.py")]):
        subprocess.run([AIRFLOW / "airflow", *words], env=environment(home), check=True, cwd=home)
    published = open_lake(load_settings(home)).latest("published_model")
    print(f"{DAG}: {published.name} {published.version[:12]} was published.")


def main() -> None:
    """Do what the first word says."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="recomart-airflow-") as home:
        {"parse": parse, "run": run}[sys.argv[1]](Path(home))
    print(f"{sys.argv[1]}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
