"""The gate: better by an interval that excludes zero, or no worse and cheaper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.evaluation.gate import COST_ORDER, Gate
from recomart.settings import EvaluationSettings

SETTINGS = EvaluationSettings(bootstrap=200)


def users(mean, seed=0):
    return np.random.default_rng(seed).normal(mean, 0.05, 200)


def decide(by_user, champion=None, wanted="auto"):
    return Gate(by_user, SETTINGS).decide(champion, wanted)


def test_the_clearly_better_model_is_promoted():
    decision = decide({"popularity": users(0.1), "ials": users(0.2), "cascade": users(0.3)})

    assert (decision.serve, decision.is_promoted) == ("cascade", True)


def test_one_that_is_only_a_little_better_is_not():
    decision = decide({"popularity": users(0.1), "ials": users(0.2), "cascade": users(0.201, 1)})

    assert decision.serve == "ials"
    assert any("costs more" in step.why for step in decision.steps)


def test_one_that_is_as_good_and_cheaper_takes_the_champions_place():
    models = {"popularity": users(0.1), "ials": users(0.2), "cascade": users(0.199, 1)}

    assert decide(models, champion="cascade").serve == "ials"


def test_a_champion_that_nothing_beats_stays():
    models = {"popularity": users(0.1), "ials": users(0.2), "cascade": users(0.3)}
    decision = decide(models, champion="cascade")

    assert (decision.serve, decision.is_promoted) == ("cascade", False)


def test_a_champion_that_was_not_compared_has_no_say():
    decision = decide({"popularity": users(0.1), "ials": users(0.2)}, champion="gone")

    assert (decision.serve, decision.champion) == ("ials", None)


def test_the_settings_have_the_last_word_and_the_gate_says_what_it_thinks():
    decision = decide({"popularity": users(0.3), "ials": users(0.2)}, wanted="ials")

    assert decision.serve == "ials"
    assert "would have served popularity" in decision.says


def test_one_model_serves_because_there_is_no_other():
    assert decide({"ials": users(0.2)}).serve == "ials"


@pytest.mark.parametrize("baseline", ["popularity", "cooccurrence"])
def test_what_does_not_beat_the_baselines_is_not_promoted(baseline):
    models = {baseline: users(0.3), "rp3beta": users(0.2), "ials": users(0.25)}

    assert decide(models).serve == baseline


@given(
    st.dictionaries(st.sampled_from(COST_ORDER), st.floats(0, 0.3), min_size=1),
    st.one_of(st.none(), st.sampled_from(COST_ORDER)),
)
def test_nothing_that_serves_is_clearly_worse_than_a_baseline(means, champion):
    models = {name: users(mean) for name, mean in means.items()}
    decision = decide(models, champion)

    for baseline in {"popularity", "cooccurrence"} & set(models):
        if decision.serve != champion:
            assert models[decision.serve].mean() >= models[baseline].mean() - 1e-9
