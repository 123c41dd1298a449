"""Several shops on the command line: one by its name, all in turn, and which there are."""

import json
import shutil

import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.errors import NotFoundError, SettingsError
from recomart.serving.security import KeyFile

EMPTY = "sources: {events: {kind: csv, path: nothing/*.csv}}\ntracking: {is_on: false}\n"


@pytest.fixture
def root(small_shop, tmp_path):
    """A shop that is whole, one without data, and one whose settings do not fit."""
    shutil.copytree(small_shop, tmp_path / "whole")
    for name, text in (("empty", EMPTY), ("broken", "sources: [")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recomart.yaml").write_text(text, encoding="utf-8")
    told = "shops: {broken: broken, empty: empty, whole: whole}\n"
    (tmp_path / "recomart.yaml").write_text(told, encoding="utf-8")
    return tmp_path


def say(*words):
    return CliRunner().invoke(recomart, [str(word) for word in words])


def test_a_shop_is_named_with_its_root_or_by_its_folder(root):
    named = say("-s", root, "--shop", "whole", "--json", "status")
    alone = say("-s", root / "whole", "--json", "status")

    assert named.exit_code == alone.exit_code == 0
    told, same = json.loads(named.stdout), json.loads(alone.stdout)
    for row in (*told["data_sets"], *same["data_sets"]):
        del row["age_s"]
    assert told == same
    assert told["data_sets"]


def test_a_command_that_needs_one_shop_says_which_there_are(root):
    with pytest.raises(SettingsError, match="root of several shops: broken, empty, whole"):
        raise say("-s", root, "status").exception
    with pytest.raises(NotFoundError, match="no shop 'whale'") as caught:
        raise say("-s", root, "--shop", "whale", "status").exception
    assert "'whole'" in caught.value.remedy


def test_each_shop_has_a_line(root):
    rows = json.loads(say("-s", root, "--json", "shops").stdout)

    told = {row["shop"]: row for row in rows}
    assert list(told) == ["broken", "empty", "whole"]
    assert "not valid YAML" in told["broken"]["faults"]
    assert told["empty"]["faults"] == "no published model"
    assert told["whole"]["champion"] == "1 (cooccurrence)"
    assert (told["whole"]["events_waiting"], told["whole"]["faults"]) == (0, None)


def test_a_shop_that_fails_keeps_no_other_from_its_run(root):
    found = say("-s", root, "--json", "shops", "run")

    told = {row["shop"]: row for row in json.loads(found.stdout)}
    assert [(name, row["outcome"]) for name, row in told.items()] == [
        ("broken", "failed"), ("empty", "failed"), ("whole", "done"),
    ]  # fmt: skip
    assert told["broken"]["status"] == 2
    assert found.exit_code == max(row["status"] for row in told.values()) >= 2
    assert (root / "whole" / "reports" / "index.html").exists()
    # what its last run fell over is told afterwards
    rows = json.loads(say("-s", root, "--json", "shops").stdout)
    assert "failed: " in next(row for row in rows if row["shop"] == "empty")["faults"]


def test_keys_are_made_for_the_root_or_for_a_shop(root):
    for words in (("-s", root), ("-s", root, "--shop", "empty")):
        assert say(*words, "keys", "create", "--scope", "read", "--name", "x").exit_code == 0

    of_root, of_shop = (KeyFile(f / "data" / "keys.json").read() for f in (root, root / "empty"))
    assert len(of_root) == len(of_shop) == 1
    assert of_root != of_shop


def test_shops_of_what_is_no_root(root):
    with pytest.raises(SettingsError, match="no root of several shops"):
        raise say("-s", root / "whole", "shops").exception
