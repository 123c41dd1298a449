"""Experiments in the settings: what does not add up is refused when they are loaded."""

import pytest

from recomart.errors import SettingsError
from recomart.settings import load_settings

HALVES = "variants: {old: {share: 0.5}, new: {share: 0.5, model: 2}}"


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "recomart.yaml").write_text(f"experiments: {text}\n", encoding="utf-8")
        return load_settings(tmp_path, environment={}).settings.experiments

    return load


def test_an_experiment_is_two_variants_the_first_of_which_is_the_control(load):
    test = load(f"{{tests: {{a: {{{HALVES}}}}}}}").tests["a"]

    assert [(name, one.model) for name, one in test.variants.items()] == [
        ("old", "champion"),
        ("new", "2"),
    ]
    assert (test.layer, test.unit, test.share) == ("main", "user", 1.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{tests: {a: {variants: {x: {share: 0.5}, y: {share: 0.4}}}}}", "add up to 0.9, not to 1"),
        ("{tests: {a: {variants: {x: {share: 1}}}}}", "at least 2 items"),
        (f"{{tests: {{a: {{layer: side, {HALVES}}}}}}}", "names the layer side; there is main"),
        ("{layers: {a: [0, 0.5], b: [0.4, 1]}}", "layers a and b overlap"),
        ("{layers: {a: [0.5, 0.5]}}", "ends at 0.5, where it begins"),
        ("{layers: {a: [0, 1.5]}}", "less than or equal to 1"),
        (f"{{tests: {{a: {{metric: joy, {HALVES}}}}}}}", "'clicked', 'to_cart', 'bought'"),
        (f"{{tests: {{a: {{unit: cookie, {HALVES}}}}}}}", "'user' or 'session'"),
        ("{tests: {a: {variants: {x: {share: 0.5}, y: {share: 0.5, model: best}}}}}", "pattern"),
        ("{tests: {a: {variants: {x: {share: 0.5, model: 0}, y: {share: 0.5}}}}}", "pattern"),
        (f"{{tests: {{a: {{{HALVES}, guardrails: {{max_drop: {{bought: 2}}}}}}}}}}", "less than 1"),
    ],
)
def test_what_does_not_fit_names_the_key_and_the_line(load, text, says):
    with pytest.raises(SettingsError) as caught:
        load(text)

    assert says in str(caught.value)
    assert "recomart.yaml:1" in caught.value.cause
    assert (caught.value.code, bool(caught.value.remedy)) == ("RM-110", True)


def test_an_unknown_word_is_refused(load):
    with pytest.raises(SettingsError, match="variant is not a setting"):
        load("{tests: {a: {variant: {}}}}")
