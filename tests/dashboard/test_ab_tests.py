"""The screen of A/B tests: what runs, what differs, what was stopped, what to do next."""

import json

import pytest

from recomart.dashboard.ab_advice import next_steps
from recomart.dashboard.ab_records import AllStarted, Found, Report, Started
from recomart.dashboard.screens.ab_tests import show
from recomart.dashboard.shop import parsed
from recomart.errors import ArtefactError
from recomart.experiments.stage import report
from tests.dashboard.ab import FOUND, STARTED, ab_tests
from tests.dashboard.conftest import open_shop
from tests.dashboard.test_text import STRINGS, escape, text_of, unified
from tests.experiments.shop import publish, start, visited
from tests.experiments.shop import settings as declared


@pytest.fixture
def tried(make_bench, tmp_path, see):
    """Try two models on visitors, some of whom click; give what the screen shows."""

    def tried(rates=None, lost=0.0, **more):
        bench = make_bench("experiments", declared(planned_units=1_200, **more))
        publish(bench.lake)
        experiment = start(bench)
        if rates:
            visited(bench, experiment, rates, lost=lost)
            report(bench)
        (tmp_path / "recomart.yaml").write_text("paths: {lake: lake}\n", encoding="utf-8")
        screen = see("ab_tests", open_shop(tmp_path))
        assert screen.problems == []
        return screen.html

    return tried


def test_what_is_better_is_told_with_its_interval_and_what_to_do(tried):
    page = tried({"old": 0.1, "new": 0.25})

    assert "<b>running</b>" in page
    assert "<b>1,200</b>" in page
    assert "<b>as drawn</b>" in page
    assert "new is better than the control by clicked." in page
    assert '<span class="rm-pill good">better</span>' in page
    assert "experiment stop trial --why &#39;new is better&#39;</code>" in page
    assert "Let all visitors see model" not in page  # the newest is the champion already


def test_an_open_one_says_how_long_it_still_takes(tried):
    page = tried({"old": 0.2, "new": 0.2}, least_effect=0.3)

    assert "<span>Still needed</span><b>≈" in page
    assert "users, at the pace so far" in page
    assert "experiment report</code>" in page


def test_a_broken_sample_ratio_is_loud_and_nothing_is_concluded(tried):
    page = tried({"old": 0.1, "new": 0.3}, lost=0.25)

    assert '<div class="rm-tile warn"><span><i></i>Sample ratio</span><b>broken</b>' in page
    assert '<div class="rm-note warn">The variants have not the numbers of units' in page
    assert "<b>–</b><span>cannot be told</span>" in page
    assert "Find where visitors are lost" in page
    assert "better</span>" not in page


def test_a_variant_that_a_guardrail_stopped_says_when_and_why(tried):
    page = tried(
        {"old": 0.4, "new": 0.1}, metric="purchases", guardrails={"max_drop": {"clicked": 0.1}}
    )

    assert "new was stopped on 2026-01-01" in page
    assert "clicked fell by" in page
    assert "<td>change of clicked</td><td>at least -10.0%</td>" in page
    assert "<b>ended</b>" in page
    assert "No variant was better" in page


def test_one_that_was_just_started_asks_for_its_report(tried):
    page = tried()

    assert "Who saw what" in page
    assert "<td>1 · m1</td>" in page
    assert "Analyse it." in page


@pytest.mark.parametrize(
    ("given", "ended", "stopped", "says"),
    [
        (None, None, None, ["Analyse it."]),
        ({}, None, None, ["Stop it: new is better.", "Let all visitors see model 1.", "Set its"]),
        ({}, 9, None, ["Let all visitors see model 1.", "Set its rules for all"]),
        ({}, None, 7, ["Wait, and look"]),  # a guardrail stopped what looks better
        ({"is_sound": False}, None, None, ["Find where visitors are lost"]),
        ({"is_sound": False, "is_whole": False}, 9, None, ["Let the next one be shorter"]),
        ({"compared": []}, 9, None, ["No variant was better"]),
    ],
)
def test_what_to_do_next_follows_from_what_was_found(given, ended, stopped, says, by_hand):
    old, new = STARTED["variants"]
    variants = [old, {**new, "stopped_us": stopped}]
    started = Started.model_validate({**STARTED, "ended_us": ended, "variants": variants})
    found = None if given is None else Found.model_validate({**FOUND, **given})
    folder = by_hand("published_model", model__json=b"{}")
    by_hand("published_model", model__json=b"{ }")

    steps = next_steps(open_shop(folder), started, found)

    assert len(steps) == len(says)
    for (told, _), begins in zip(steps, says, strict=True):
        assert told.startswith(begins)


def test_what_the_settings_declare_can_be_started(see, tmp_path):
    half = "{share: 0.5}"
    text = f"experiments: {{tests: {{spring: {{variants: {{a: {half}, b: {half}}}}}}}}}\n"
    (tmp_path / "recomart.yaml").write_text(text, encoding="utf-8")

    page = see("ab_tests", open_shop(tmp_path)).html

    assert "The settings declare spring; nothing was started." in page
    assert "experiment start spring" in page


def test_names_and_reasons_stay_text(see, by_hand):
    started = [
        {**STARTED, "name": name, "why": name, "ended_us": None if n else 7}
        for n, name in enumerate(STRINGS)
    ]
    found = [{**FOUND, "name": name, "says": name} for name in STRINGS]
    folder = ab_tests(by_hand, started, found)
    screen = see("ab_tests", open_shop(folder))

    assert screen.problems == []
    for text in STRINGS:
        assert f"<td>{escape(text)}</td>" in unified(screen.html)
    assert "<script" not in screen.html
    assert text_of(screen) == ""


OTHERS = (None, -1, 2**63, 1e300)


def spoilt(given):
    """Yield the same with each of its values replaced by others, or taken away."""
    if isinstance(given, dict):
        for key, value in given.items():
            yield {k: v for k, v in given.items() if k != key}
            yield from ({**given, key: other} for other in spoilt(value))
    elif isinstance(given, (list, tuple)) and given:
        yield from ([other, *given[1:]] for other in spoilt(given[0]))
    yield from OTHERS


def reads(kind, what):
    """Whether a file is read at all; where not, the screen tells the error."""
    try:
        parsed(kind, json.dumps(what).encode(), "it")
    except ArtefactError:
        return False
    return True


def test_whatever_stands_in_the_files_the_screen_is_shown_or_the_file_refused(
    by_hand, pandas_allowed
):
    shop = open_shop(ab_tests(by_hand))
    state, told = {"experiments": [STARTED]}, {"analysed_us": 1, "experiments": [FOUND]}
    states = [one for one in spoilt(state) if reads(AllStarted, one)]
    reports = [one for one in spoilt(told) if reads(Report, one)]

    for dataset, bodies in (("experiment_report", reports), ("experiments", states)):
        for body in bodies:
            by_hand(dataset, experiments__json=json.dumps(body).encode())
            show(shop)  # without a browser, and without the guard around a screen

    assert min(len(states), len(reports)) > 10
