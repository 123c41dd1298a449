"""Figures in MLflow's words: names that it takes, nothing that is not known."""

import re

import pytest

from recomart.evaluation.tracking.figures import flat, name_of, parameters_of
from recomart.evaluation.tracking.registry import model_name
from recomart.settings import Settings

TAKEN = re.compile(r"^[/\w.\- ]*$", re.ASCII)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ndcg@10", "ndcg_at_10"),
        ("segments/1–3 items", "segments/1-3 items"),
        ("a: b (c)", "a_ b _c_"),
    ],
)
def test_names_are_written_so_that_mlflow_takes_them(said, name):
    assert name_of(said) == name
    assert TAKEN.match(name)


def test_every_setting_that_changes_a_result_is_a_parameter():
    tree = Settings().model_dump(mode="json")
    found = parameters_of(tree)

    assert found["evaluation.ks"] == "[5, 10, 20]"
    assert found["models.train_days"] == "null"
    assert found["preparation.strengths.view"] == "1.0"
    assert not any(name.startswith(("paths", "tracking", "sources")) for name in found)
    assert all(TAKEN.match(name) for name in found)


def test_an_empty_tree_is_a_leaf():
    assert flat({"views": {}, "windows": {"days": 1}}) == {"views": "{}", "windows.days": "1"}


@pytest.mark.parametrize(
    ("project", "name"),
    [("Demo shop", "Demo shop"), ("a/b:c 'd'", "a-b-c -d-"), ("..", "recomart")],
)
def test_a_registered_model_is_named_after_the_project(project, name):
    assert model_name(project) == name
