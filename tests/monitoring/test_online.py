"""Online quality: what came of lines that were shown, counted once, by model and by source."""

import pytest

from recomart.monitoring.clicks import click_fall
from recomart.monitoring.online import online_quality
from recomart.monitoring.since import Since
from tests.monitoring.lists import MAKING, days_ago, did, lines, write


@pytest.fixture
def shown(bench):
    """Two lists of two models; ann followed what the first showed."""
    at = days_ago(bench, 1)
    lists = lines("a", "mug pen:popularity", at) + lines("b", "mug cup", at, model="ials")
    events = [
        did("a", "mug", "click", at + 9),
        did("a", "mug", "click", at + 10),
        did("a", "mug", "purchase", at + 11),
        did("b", "cup", "add_to_cart", at + 12),
    ]
    return at, lists, events


def counted(found, did="clicked"):
    shares = {(one.model, one.source): getattr(one, did) for one in found.figures}
    return {key: (share.hits, share.n) for key, share in shares.items()}


def test_no_list_at_all_is_nothing(bench):
    assert online_quality(bench) is None


def test_lines_count_once_by_model_and_by_source(bench, shown):
    _, lists, events = shown
    write(bench, lists, events)

    found = online_quality(bench)

    assert found.n_lists == 2
    assert counted(found) == {
        ("all", "all"): (2, 4),
        ("all", "itemknn"): (2, 3),
        ("all", "popularity"): (0, 1),
        ("cascade", "all"): (1, 2),
        ("cascade", "itemknn"): (1, 1),
        ("cascade", "popularity"): (0, 1),
        ("ials", "all"): (1, 2),
        ("ials", "itemknn"): (1, 2),
    }
    assert counted(found, "to_cart")["all", "all"] == (2, 4)
    assert counted(found, "bought")["all", "all"] == (1, 4)
    assert (found.unknown, found.astray) == (0, 0)


def test_what_answers_no_line_is_told_apart(bench, shown):
    at, lists, events = shown
    odd = [
        did("never", "mug", "click", at),
        did("a", "cup", "click", at + 1),  # not on that list
        did("b", "mug", "click", at - 3_600_000_000),  # an hour before it
        did("b", "mug", "cancel", at + 1),  # no answer to a list
    ]
    write(bench, lists, events + odd)

    found = online_quality(bench)

    assert counted(found)["all", "all"] == (2, 4)
    assert (found.unknown, found.astray) == (1, 2)


def test_lists_of_before_the_stretch_do_not_count(bench, shown):
    _, lists, events = shown
    write(bench, lists + lines("old", "mug", days_ago(bench, 29)), events)

    assert online_quality(bench).n_lists == 2


def reason(bench, now, then, n=300):
    """The reason, where so many of n lists are clicked now and before."""
    lists, events = [], []
    for name, days, hits in (("now", 1, now), ("then", 20, then)):
        at = days_ago(bench, days)
        lists += [line for k in range(n) for line in lines(f"{name}{k}", "mug pen", at)]
        events += [did(f"{name}{k}", "pen", "view", at + 1) for k in range(hits)]
    write(bench, lists, events)
    draft = bench.draft("published_model")
    draft.add_bytes("facts.json", b"{}")
    return click_fall(Since(bench, draft.commit(MAKING)), 0.3)


@pytest.mark.parametrize(
    ("now", "then", "verdict"), [(20, 60, True), (59, 60, False), (2, 4, None)]
)
def test_a_fall_speaks_where_chance_does_not_explain_it(bench, now, then, verdict):
    found = reason(bench, now, then)

    assert found.verdict is verdict
    assert found.now == pytest.approx(1 - now / then, abs=1e-5)


def test_few_lists_tell_nothing(bench):
    found = reason(bench, 0, 50, n=100)

    assert (found.now, found.verdict) == (None, None)
    assert "too few" in found.says
