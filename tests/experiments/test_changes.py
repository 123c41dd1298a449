"""Starting and stopping: what is named must be there, and units are in one experiment only."""

import pytest

from recomart.errors import BadInputError, NotFoundError
from recomart.experiments import changes
from recomart.ranking.assignment import unpacked
from recomart.ranking.experiments import read_experiments
from recomart.settings import Settings
from tests.experiments.shop import HALVES, publish, settings, start
from tests.monitoring.lists import MAKING


@pytest.fixture
def shop(make_bench):
    """A bench over a lake with two models."""

    def shop(given=None):
        bench = make_bench("experiments", given or settings())
        if bench.lake.find("published_model") is None:
            publish(bench.lake)
        return bench

    return shop


def two(**more):
    tests = {name: {"variants": HALVES, "share": 0.5, **more} for name in ("one", "other")}
    return Settings.model_validate({"experiments": {"tests": tests}})


def buckets(experiment):
    return {b for variant in experiment.variants for b in unpacked(variant.buckets)}


def test_models_are_fixed_when_it_starts(shop):
    given = settings(
        variants={
            "old": {"share": 0.25, "model": 1},
            "new": {"share": 0.75, "model": "champion", "rules": {"max_per_category": 1}},
        }
    )
    bench = shop(given)
    start(bench)
    publish(bench.lake, 1)
    found = read_experiments(bench.lake).one("trial")

    assert [(v.name, v.number, v.share) for v in found.variants] == [
        ("old", 1, 0.25),
        ("new", 2, 0.75),
    ]
    assert found.variants[1].rules.given() == {"max_per_category": 1}
    assert len(buckets(found)) == 10_000


def test_two_side_by_side_share_no_unit_and_no_room_is_said(shop):
    bench = shop(two())
    one, other = start(bench, "one"), start(bench, "other")

    assert not buckets(one) & buckets(other)
    assert one.salt == other.salt
    with pytest.raises(BadInputError, match=r"0\.0% of its units left; 100\.0% are asked"):
        start(shop(settings()))


def test_where_nothing_runs_any_more_the_dice_are_thrown_anew(shop):
    bench = shop(two())
    one = start(bench, "one")
    changes.put(bench.lake, MAKING, changes.stopped(bench.lake, "one", None, 5, "enough"))

    other = start(bench, "other")

    assert other.salt != one.salt
    assert read_experiments(bench.lake).running == (other,)


@pytest.mark.parametrize(
    ("declared", "name", "says"),
    [
        ({}, "trail", "Did you mean 'trial'?"),
        (
            {"variants": {"a": {"share": 0.5}, "b": {"share": 0.5, "model": 9}}},
            "trial",
            "There is no published model '9'",
        ),
        (
            {"variants": {"a": {"share": 0.5}, "b": {"share": 0.5, "model": "challenger"}}},
            "trial",
            "There is no published model 'challenger'",
        ),
    ],
)
def test_what_is_not_there_is_not_started(shop, declared, name, says):
    bench = shop(settings(**declared))

    with pytest.raises(NotFoundError) as caught:
        start(bench, name)

    assert says in str(caught.value)
    assert (caught.value.code, bool(caught.value.remedy)) == ("RM-200", True)
    assert read_experiments(bench.lake).experiments == ()


def test_a_name_is_used_once(shop):
    bench = shop()
    start(bench)

    with pytest.raises(BadInputError, match="started before"):
        start(bench)


def test_a_variant_is_stopped_and_without_another_all_is_over(shop):
    variants = {"a": {"share": 0.5}, "b": {"share": 0.25}, "c": {"share": 0.25}}
    bench = shop(settings(variants=variants))
    start(bench)

    def stop(variant, at_us):
        found = changes.stopped(bench.lake, "trial", variant, at_us, "bad")
        changes.put(bench.lake, MAKING, found)
        return found

    assert stop("b", 7).is_running
    with pytest.raises(BadInputError, match="stopped before"):
        stop("b", 8)
    with pytest.raises(NotFoundError, match="variant of trial"):
        stop("z", 8)
    over = stop("c", 9)
    assert (over.ended_us, over.why) == (9, "c was stopped: bad")
    with pytest.raises(BadInputError, match="ended already"):
        stop("a", 10)


def test_without_the_control_it_is_over(shop):
    bench = shop()
    start(bench)

    assert not changes.stopped(bench.lake, "trial", "old", 7, "bad").is_running
