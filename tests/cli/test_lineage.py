"""`recomart lineage`: from a name to where it came from, as tree, JSON and picture."""

import json
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.errors import BadInputError, NotFoundError
from recomart.lake import Draft, Lake, LocalObjects, Making
from recomart.ranking.aliases import rollback
from recomart.ranking.answers import new_recommendation_id

MAKING = Making(key="k", stage="training", run_id="20260101T120000000000Z-abcdef")


@pytest.fixture
def lake(tmp_path):
    """Seven raw files → events → two published models, and a model beside them."""
    lake = Lake(LocalObjects(tmp_path / "data" / "lake"))
    draft = Draft(lake, "raw_shop")
    for day in range(1, 8):
        draft.add_bytes(f"2026/01/0{day}/sales.csv", str(day).encode(), rows=1_000)
    raw = draft.commit(MAKING)
    events = make(lake, "events", "e", raw)
    make(lake, "model_ials", "m", events)
    for content in ("one", "two"):
        make(lake, "published_model", content, events, raw)
    return lake


def make(lake, name, content, *parents):
    draft = Draft(lake, name)
    draft.add_bytes("a.json", content.encode())
    return draft.commit(MAKING, [parent.as_parent() for parent in parents])


@pytest.fixture
def ask(lake, tmp_path):
    (tmp_path / "recomart.yaml").write_text("project: Shop\n", encoding="utf-8")

    def call(*words, before=()):
        arguments = ["-s", str(tmp_path), *before, "lineage", *words]
        return CliRunner().invoke(recomart, arguments, catch_exceptions=False).output

    return call


def test_a_data_set_leads_to_its_raw_files(ask, lake):
    first, second, *files = ask("events").splitlines()

    assert first == f"events #1  {lake.latest('events').version[:12]}  run 20260101T120000"
    assert second.startswith("  raw_shop #1")
    assert "7,000 rows" in second
    assert files[0].startswith("    2026/01/03/sales.csv  1,000 rows  sha256 ")
    assert files[-1] == "    and 2 files before them"


def test_what_stood_above_is_named_once_more_and_no_more(ask):
    told = ask("champion").splitlines()

    assert told[-1] == "  and raw_shop #1: see above"
    assert sum(line.strip().startswith("raw_shop") for line in told) == 1


def test_names_of_models_aliases_and_recommendations_are_understood(ask, lake):
    first, newest = lake.history("published_model")
    rollback(lake, MAKING, "a test")

    assert ask("ials").startswith("model_ials #1")
    assert ask("champion").startswith(f"published_model #1  {first.version[:12]}")
    assert ask("challenger").startswith(f"published_model #2  {newest.version[:12]}")
    given = new_recommendation_id(newest.version)
    assert ask(given).startswith(f"published_model #2  {newest.version[:12]}")


def test_an_older_version_is_asked_for_by_number_or_hash(ask, lake):
    first, newest = lake.history("published_model")

    assert ask("published_model").startswith(f"published_model #2  {newest.version[:12]}")
    assert ask("published_model", "--number", "1").startswith("published_model #1")
    assert ask("published_model", "--version", first.version[:6]).startswith("published_model #1")


def test_down_says_what_was_made_of_it(ask):
    told = ask("raw_shop", "--down")

    assert {"model_ials", "published_model"} <= {line.split()[0] for line in told.splitlines()}


def test_programs_get_the_graph(ask):
    told = json.loads(ask("ials", before=["--json"]))

    assert told["roots"] == ["model_ials#1"]
    assert told["edges"] == [
        {"from": "events#1", "to": "model_ials#1"},
        {"from": "raw_shop#1", "to": "events#1"},
    ]
    [raw] = [node for node in told["nodes"] if node["name"] == "raw_shop"]
    assert len(raw["files"]) == 7


def test_the_picture_is_written(ask, tmp_path):
    ask("ials", "--svg", str(tmp_path / "ials.svg"))

    texts = {e.text for e in ET.parse(tmp_path / "ials.svg").iter()}  # noqa: S314 - our own
    assert {"model_ials", "events", "raw_shop"} <= texts


def test_a_picture_that_cannot_be_written_is_refused(ask, tmp_path):
    assert "No such file" in ask("ials", "--svg", str(tmp_path / "nowhere" / "ials.svg"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evnts"], "Did you mean 'events'"),
        (["als"], "Did you mean 'ials'"),
        (["champoin"], "Did you mean 'champion'"),
        (["challenger"], "no challenger now"),
        (["events", "--number", "9"], r"Known: 1 \("),
        (["events", "--version", "zzz"], "no version of 'events' 'zzz'"),
        (["0123456789ab-0123456789ab"], "no published model for the recommendation"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(ask, words, says):
    with pytest.raises(NotFoundError, match=says):
        ask(*words)


def test_a_name_of_one_version_takes_no_other(ask):
    with pytest.raises(BadInputError, match="one version already"):
        ask("champion", "--number", "1")


def test_names_mean_nothing_to_a_terminal(ask, lake):
    draft = Draft(lake, "raw_shop")
    entry = draft.add_bytes("a.csv", b"x")
    draft.files = {"x": entry.model_copy(update={"partition": "\x1b[31mred\n[bold]\u202e.csv"})}
    draft.commit(MAKING)

    assert "  ?[31mred?[bold]?.csv  0 rows" in ask("raw_shop").splitlines()[1]
