"""The docs are held to the code: links lead somewhere, examples run, settings fit."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from recomart.lake import Draft, Lake, LocalObjects, Making
from recomart.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def named(pages):
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def with_blocks(language):
    return named(page for page in PAGES if blocks(page, language))


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_to_files_that_are_there(page):
    fenced = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    text = fenced.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)

    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", with_blocks("yaml"))
def test_settings_shown_fit_the_tree(page):
    for block in blocks(page, "yaml"):
        assert Settings.model_validate(yaml.safe_load(block))


@pytest.fixture
def in_a_folder_with_a_shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "recomart.yaml").write_text("project: Shop\n", encoding="utf-8")
    lake = Lake(LocalObjects(tmp_path / "demo" / "data" / "lake"))
    for name in ("events", "item_features"):
        draft = Draft(lake, name)
        draft.add_table(pa.table({"item_id": ["mug"]}).to_reader(), "2024-01-15")
        draft.commit(Making(key="k", stage="prepare", run_id="r"))


@pytest.mark.parametrize("page", with_blocks("python"))
def test_examples_run(page, in_a_folder_with_a_shop, capsys):
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})  # noqa: S102 - our own examples

        assert capsys.readouterr().out
