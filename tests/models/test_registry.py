"""Models are found by name, and refuse options that are not theirs."""

import pytest

from recomart.errors import NotFoundError, SettingsError
from recomart.models.registry import MODELS, model_kind, name_of


@pytest.mark.parametrize("name", MODELS)
def test_a_name_leads_to_a_model_and_back(name):
    assert name_of(model_kind(name).make()) == name


def test_the_models_of_the_shop_are_known():
    expected = (
        "blend content cooccurrence graphfilter ials itemknn popularity rp3beta sasrec sessionknn"
        " sparkals svd trending twotower"
    )

    assert sorted(MODELS) == expected.split()


def test_a_near_miss_is_offered():
    with pytest.raises(NotFoundError, match="'rp3beta'"):
        model_kind("rp3-beta")


def test_a_stranger_has_no_name():
    with pytest.raises(NotFoundError):
        name_of(object())


def test_an_option_that_does_not_fit_is_named():
    with pytest.raises(SettingsError, match=r"neighbours: .*greater than 0"):
        MODELS["rp3beta"].make({"neighbours": 0})


def test_options_reach_the_model():
    assert MODELS["ials"].make({"embedding_size": 8}).config.embedding_size == 8
