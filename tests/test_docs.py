"""The docs are held to the code: links lead somewhere, examples run, settings fit."""

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pyarrow as pa
import pytest
import yaml

from recomart.cli import recomart
from recomart.engines.base import empty
from recomart.features.views import VIEWS
from recomart.features.warehouse import open_warehouse
from recomart.features.warehouse.ddl import Table
from recomart.lake import Draft, Lake, LocalObjects, Making
from recomart.settings import FeatureSettings, Loaded, Settings

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
        tree = yaml.safe_load(block)  # feature_store.yaml holds one branch of it

        assert Settings.model_validate({"features": tree} if "views" in tree else tree)


@pytest.fixture
def in_a_folder_with_a_shop(tmp_path, monkeypatch):
    """Enough of a demo shop for the examples: a lake with events, a warehouse with an item."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "demo" / "data"
    data.mkdir(parents=True)
    (tmp_path / "demo" / "recomart.yaml").write_text("project: Shop\n", encoding="utf-8")
    draft = Draft(Lake(LocalObjects(data / "lake")), "events")
    draft.add_table(pa.table({"item_id": ["mug"]}).to_reader(), "2024-01-15")
    draft.commit(Making(key="k", stage="prepare", run_id="r"))
    view = VIEWS["item_features"]
    columns = view.columns(FeatureSettings())
    rows = empty(columns).from_pylist([{"item_id": "mug", "n_purchases": 3}], empty(columns).schema)
    warehouse = open_warehouse(Loaded(Settings(), tmp_path / "demo"))
    warehouse.load(view.name, "v", Table.of(view, FeatureSettings()), rows.to_reader())
    warehouse.close()


@pytest.mark.usefixtures("in_a_folder_with_a_shop")
@pytest.mark.parametrize("page", with_blocks("python"))
def test_examples_run(page, capsys):
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})  # noqa: S102 - our own examples

        assert capsys.readouterr().out


def commands(group, above=(), *, groups=False):
    """Every command that can be typed, as words to command; with `groups`, these as well."""
    found = {}
    for name, command in group.commands.items():
        words, is_group = (*above, name), isinstance(command, click.Group)
        if is_group:
            found |= commands(command, words, groups=groups)
        if groups or not is_group:
            found[words] = command
    return found


def lines_typed(page):
    """Command lines shown in a page, without what a shell does with their output."""
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"(?:^\$ |^|`)(recomart [^`\n]*)", text, re.MULTILINE)
    return [re.split(r"\s#|\s>|\s\|", line)[0] for line in shown if "…" not in line]


def is_understood(line):
    """Whether the command line's command and options are known; values are not looked at."""
    words = shlex.split(line)[1:]
    known = commands(recomart, groups=True)
    options = {o for p in recomart.params for o in (*p.opts, *p.secondary_opts)}
    while words and words[0] in options:
        words = words[1:] if words[0] in ("--json", "--help", "--version") else words[2:]
    if not words or words[0].isupper():
        return True
    match = next((known[tuple(words[:n])] for n in (2, 1) if tuple(words[:n]) in known), None)
    taken = {o for p in match.params for o in p.opts} | {"--help"} if match else set()
    return match is not None and all(w in taken for w in words if re.match(r"--?[a-z]", w))


@pytest.mark.parametrize("page", named(page for page in PAGES if lines_typed(page)))
def test_commands_shown_can_be_typed(page):
    assert [line for line in lines_typed(page) if not is_understood(line)] == []


def test_every_command_is_described():
    text = (ROOT / "docs" / "guide" / "command-line.md").read_text(encoding="utf-8")

    missing = [words for words in commands(recomart) if " ".join(words) not in text]

    assert missing == []


@pytest.mark.usefixtures("in_a_folder_with_a_shop")
@pytest.mark.parametrize("page", with_blocks("sql"))
def test_queries_shown_can_be_asked(page):
    with closing(sqlite3.connect("demo/data/warehouse.sqlite")) as con:
        for block in blocks(page, "sql"):
            assert con.execute(block).description
