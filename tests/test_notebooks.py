"""Notebooks run from the first cell to the last, and are kept without output."""

import json
from pathlib import Path

import pytest

from recomart.pipeline import run
from recomart.settings import load_settings
from recomart.sources.generator import ShopSpec, generate_shop

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SETTINGS = "sources: {events: {kind: csv, path: shop/events/*.csv}}\n"


def code_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(notebook, tmp_path, monkeypatch):
    demo = tmp_path / "demo"
    generate_shop(demo / "shop", ShopSpec(n_users=30, n_items=20, n_events=600, days=4))
    (demo / "recomart.yaml").write_text(SETTINGS)
    run(load_settings(demo, environment={}), ["ingest", "validate", "prepare"])
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    names = {}
    for cell in code_of(notebook):
        exec("".join(cell["source"]), names)  # noqa: S102 - our own notebook

    assert {"activity", "funnel", "long_tail"} <= set(names["drawn"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_output(notebook):
    assert all(not cell["outputs"] and not cell["execution_count"] for cell in code_of(notebook))


def test_there_is_a_notebook():
    assert NOTEBOOKS
