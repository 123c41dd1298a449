"""The commands over published models: what is there, what serves, and who said so."""

import json

import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.errors import BadInputError, NotFoundError
from tests.trained import copy_of


@pytest.fixture
def call(published_shop, tmp_path, monkeypatch):
    copy_of(published_shop, tmp_path)
    monkeypatch.setenv("RECOMART_TRACKING__IS_ON", "false")

    def run(*words):
        done = CliRunner().invoke(recomart, ["-s", str(tmp_path), *words])
        if done.exception:
            raise done.exception
        return done.output

    return run


def listed(call):
    return {row["number"]: row for row in json.loads(call("--json", "models", "list"))}


def test_the_list_says_what_serves_and_why(call):
    found = listed(call)

    assert {n: (row["model"], row["alias"]) for n, row in found.items()} == {
        1: ("cascade", None),
        2: ("rp3beta", "champion"),
    }
    assert found[2]["metric"] == "ndcg@10"
    assert found[2]["figure"].startswith("0.")
    assert "models.serve" in found[2]["why"]
    assert call("models", "list").startswith("number\tmodel\tversion\tmade_at\t")


def test_a_rollback_is_held_until_another_is_promoted(call):
    said = call("models", "rollback", "--why", "complaints")
    assert said == "Model 1 (cascade) serves from now on, until another is promoted.\n"
    held = listed(call)
    assert (held[1]["alias"], held[1]["why"]) == ("champion (held)", "complaints")
    assert held[2]["alias"] == "challenger"
    with pytest.raises(BadInputError, match="no published model before"):
        call("models", "rollback")

    said = call("models", "promote")
    assert said == "Model 2 (rp3beta) serves from now on, and every newer one after it.\n"
    assert listed(call)[2]["alias"] == "champion"
    told = json.loads(call("--json", "models", "promote", "1", "--why", "safer"))
    assert (told["number"], told["is_held"], told["why"]) == (1, True, "safer")


def test_the_held_model_answers(call):
    call("models", "rollback")

    assert {row["source"] for row in json.loads(call("--json", "recommend", "-u", "u001"))} <= {
        "cascade",
        "popularity",
    }


def test_a_comparison_says_what_differs_and_whether_figures_compare(call):
    found = json.loads(call("--json", "models", "compare", "1", "champion"))

    assert found["differs"]["model"] == ["cascade", "rp3beta"]
    assert found["differs"]["ranking.trees"] == ["20", "-"]
    assert set(found["figures"]) >= {"ndcg@10", "cold users"}
    assert found["comparable"]
    assert "the figures compare" in call("models", "compare", "1", "2")


@pytest.mark.parametrize("words", [("promote", "9"), ("compare", "1", "9"), ("compare", "1", "x")])
def test_a_number_that_is_not_there_is_named(call, words):
    with pytest.raises(NotFoundError, match=r"There is no published model '[9x]'"):
        call("models", *words)
