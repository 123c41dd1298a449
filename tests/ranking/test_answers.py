"""Ids of answers: each of its own, each leads back to the model that gave the answer."""

import re

import pytest

from recomart.errors import NotFoundError
from recomart.lake import Draft, Lake, LocalObjects, Making
from recomart.ranking.aliases import PUBLISHED
from recomart.ranking.answers import answered_by, model_version_of, new_recommendation_id

VERSION = "44d88981d748b84db17b"


@pytest.fixture
def lake(tmp_path):
    return Lake(LocalObjects(tmp_path / "lake"))


def publish(lake, content):
    draft = Draft(lake, PUBLISHED)
    draft.add_bytes("model.json", content.encode())
    return draft.commit(Making(key="k", stage="training", run_id="r1"))


def test_an_id_says_which_model_answered():
    made = new_recommendation_id(VERSION)

    assert re.fullmatch(r"44d88981d748-[0-9a-f]{12}", made)
    assert model_version_of(made) == VERSION[:12]


def test_no_two_answers_have_the_same_id():
    assert len({new_recommendation_id(VERSION) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "text", ["", "events", VERSION, "44d88981d748-", "44D88981D748-0123456789ab", "../a-b", "a\nb"]
)
def test_other_words_are_no_id(text):
    assert model_version_of(text) is None


def test_the_model_is_found_among_later_ones(lake):
    first, _ = publish(lake, "one"), publish(lake, "two")

    assert answered_by(lake, new_recommendation_id(first.version)) == first


@pytest.mark.parametrize("given", ["no id", "44d88981d748-0123456789ab"])
def test_an_id_of_no_model_here_is_refused(lake, given):
    publish(lake, "one")

    with pytest.raises(NotFoundError, match=given):
        answered_by(lake, given)
