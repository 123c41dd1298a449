"""The report: what is found, what is not, what is stopped, and what is no longer known."""

import json
from dataclasses import replace
from itertools import chain

import pytest

from recomart.experiments import changes
from recomart.experiments.outcomes import outcomes
from recomart.experiments.stage import read_report, report
from recomart.ranking.experiments import read_experiments
from recomart.vocabulary import DAY_US, SECOND_US
from tests.experiments.shop import owners, publish, seen, settings, start, variant_of, visited
from tests.monitoring.lists import MAKING, did, write


@pytest.fixture
def shop(make_bench):
    """A bench over a lake with two models and the started experiment."""

    def shop(**declared):
        bench = make_bench("experiments", settings(planned_units=1_200, **declared))
        publish(bench.lake)
        return bench, start(bench)

    return shop


def reported(bench):
    report(bench)
    return read_report(bench.lake).experiments[0]


def test_a_better_variant_is_found(shop):
    bench, experiment = shop()
    visited(bench, experiment, {"old": 0.1, "new": 0.25})

    found = reported(bench)
    first = found.compared[0]

    assert found.is_sound
    assert (first.variant, first.metric, first.verdict) == ("new", "clicked", "better")
    assert first.low < 0.15 < first.high
    assert sum(one.counted for one in found.variants) == 1_200
    assert found.says == "new is better than the control by clicked."
    assert read_experiments(bench.lake).one("trial").is_running
    page = bench.lake.read("experiment_report", "experiments.html").decode()
    assert "new is better than the control by clicked." in page
    assert "<script" not in page


def test_two_equal_variants_stay_open_and_say_how_long(shop):
    bench, experiment = shop(least_effect=0.3)
    visited(bench, experiment, {"old": 0.2, "new": 0.2})

    first = reported(bench).compared[0]

    assert first.verdict == "open"
    assert 500 < first.units_needed < 20_000
    assert first.days_needed == pytest.approx(first.units_needed / 120, rel=0.01)  # 1,200 in 10


def test_lost_units_make_it_unsound(shop):
    bench, experiment = shop()
    visited(bench, experiment, {"old": 0.1, "new": 0.3}, lost=0.25)

    found = reported(bench)

    assert not found.is_sound
    assert {one.verdict for one in found.compared} == {"unsound"}
    assert "nothing can be concluded" in found.says
    assert "no accident" in bench.lake.read("experiment_report", "experiments.html").decode()


def test_a_guardrail_that_breaks_stops_the_variant_by_itself(shop):
    bench, experiment = shop(metric="purchases", guardrails={"max_drop": {"clicked": 0.1}})
    visited(bench, experiment, {"old": 0.4, "new": 0.1})

    found = reported(bench)
    after = read_experiments(bench.lake).one("trial")

    assert [one.variant for one in found.breaches] == ["new"]
    assert "clicked fell by" in found.breaches[0].says
    assert after.variant("new").stopped_us == bench.now_us
    assert not after.is_running  # nothing is left to compare
    assert "new was stopped: clicked fell" in after.why
    assert reported(bench).breaches == ()  # it is stopped once


def test_a_fall_within_what_is_borne_stops_nothing(shop):
    bench, experiment = shop(guardrails={"max_drop": {"clicked": 0.9}})
    visited(bench, experiment, {"old": 0.4, "new": 0.1})

    assert reported(bench).breaches == ()
    assert read_experiments(bench.lake).one("trial").is_running


def test_a_variant_whose_lists_fail_is_stopped(shop):
    bench, experiment = shop()
    broken = experiment.variants[1].model_copy(update={"version": "another"})
    changes.put(
        bench.lake,
        MAKING,
        experiment.model_copy(update={"variants": (experiment.variants[0], broken)}),
    )
    visited(bench, experiment, {"old": 0.1, "new": 0.1})

    assert "100.0% of its" in reported(bench).breaches[0].says


def test_before_the_first_list_nothing_is_told_and_before_the_first_start_nothing_is_made(
    shop, make_bench, tmp_path
):
    empty = make_bench("experiments", settings(), folder=tmp_path / "empty")
    report(empty)
    assert empty.lake.find("experiment_report") is None

    bench, _ = shop()
    assert reported(bench).says == "No unit saw a list yet."


def done(name, user, kind, at_us):
    return {**did(name, "mug", kind, at_us), "user_id": user}


def in_and_out_of_time(at, now_us):
    """Four users who saw a list: what ann, bob and cid did, and dan whose time is not over."""
    late = DAY_US
    return [
        done("ann", "ann", "click", at + 5),
        done("later", "ann", "purchase", at + 2 * late + 5),  # after ann's time
        done("bob", "bob", "purchase", at + late + 1),  # after bob's
        done(None, "cid", "purchase", at + 7),  # not from a list
        done(None, "cid", "purchase", at + 8),
        done("dan", "dan", "click", now_us),
    ]


def test_a_unit_counts_once_its_time_is_over_and_what_it_did_later_does_not(shop):
    bench, experiment = shop(window_days=1)
    at, users = bench.now_us - 5 * DAY_US, ("ann", "bob", "cid", "dan")
    lists = {user: seen(experiment, user, at, user) for user in users[:3]}
    lists["dan"] = seen(experiment, "dan", bench.now_us - DAY_US // 2, "dan")
    again = seen(experiment, "ann", at + DAY_US * 2, "later")
    write(bench, [*chain(*lists.values()), *again], in_and_out_of_time(at, bench.now_us))

    found = outcomes(bench, experiment)
    codes = [variant_of(experiment, user)[1] for user in users]
    places = [*sorted(codes[:3]), codes[3]]  # by the first list, then by code
    rows = [places.index(code) for code in codes]
    told = {name: [found.values[name][row] for row in rows[:3]] for name in found.values}

    assert told["clicked"] == [1, 0, 0]
    assert told["bought"] == [0, 0, 0]
    assert told["purchases"] == [0, 0, 2]
    assert [bool(found.is_over[row]) for row in rows] == [True, True, True, False]
    assert sum(found.n_lists) == 5


def test_what_users_did_before_explains(shop):
    bench, experiment = shop(before_days=20)
    visited(bench, experiment, {"old": 0.0, "new": 0.0}, n=400)
    shown = bench.con.to_pyarrow(bench.read("exposures")).to_pylist()
    first = {row["unit"]: row["shown_us"] for row in shown}
    events, by_bucket = [], owners(experiment)
    for number in range(400):
        user = f"user{number}"
        at, n = first[variant_of(experiment, user, by_bucket)[1]], number % 5
        row = {**did(None, "mug", "purchase", 0), "user_id": user}
        for k in range(n):  # whoever bought before buys after
            events += [
                {**row, "event_id": f"{user}{k}{w}", "occurred_us": at + w * (k + 1) * SECOND_US}
                for w in (-1, 1)
            ]
    events.append(did(None, "mug", "view", bench.now_us - 1))
    write(bench, shown, events)

    compared = {one.metric: one for one in reported(bench).compared}

    assert compared["purchases"].explained > 0.9
    assert compared["clicked"].explained == 0


def test_what_was_found_of_one_that_ended_stays_when_its_lists_are_gone(shop):
    bench, experiment = shop()
    visited(bench, experiment, {"old": 0.1, "new": 0.25})
    ended = changes.stopped(bench.lake, "trial", None, bench.now_us, "decided")
    changes.put(bench.lake, MAKING, ended)
    later = replace(bench, now_us=bench.now_us + 4 * DAY_US)
    before = reported(later)
    write(bench, [], [])

    after = reported(replace(bench, now_us=bench.now_us + 100 * DAY_US))

    assert after == before
    assert after.compared[0].verdict == "better"


def test_one_that_is_older_than_what_is_kept_concludes_nothing(shop):
    bench, experiment = shop()
    visited(bench, experiment, {"old": 0.1, "new": 0.3})

    found = reported(replace(bench, now_us=bench.now_us + 85 * DAY_US))

    assert "before the first list that is kept" in found.says
    assert "no accident" not in bench.lake.read("experiment_report", "experiments.html").decode()


def test_the_report_names_no_user(shop):
    bench, experiment = shop()
    visited(bench, experiment, {"old": 0.1, "new": 0.2}, n=300)
    report(bench)
    told = bench.lake.read("experiment_report", "experiments.json").decode()

    assert "user1" not in told
    assert json.loads(told)["schema_version"] == 1
