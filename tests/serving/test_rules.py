"""Laws of the rules: lists are full, allowed throughout, and as varied as the catalogue.

Each law is held against all lists that could be made, not against another way to make one.
"""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.ranking import rules as rules_of
from recomart.ranking.lines import POPULAR, Ordered
from recomart.ranking.rules import ANYTHING, Likeness, Rules, too_recent
from recomart.ranking.shop import Fresh
from recomart.vocabulary import CANCEL, DAY_US, EVENT_TYPES, PURCHASE, VIEW

NOW = 100 * DAY_US


@st.composite
def lists(draw, most_found=40):
    """A catalogue, rules of it, some candidates, and how many items are asked for."""
    n_items = draw(st.integers(1, 40))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = chance.integers(-1, 5, n_items) if draw(st.booleans()) else None
    likeness = Likeness(
        chance.integers(-1, 5, n_items), draw(st.none() | st.integers(1, 4)), groups
    )
    rules = Rules(
        n_items,
        {rule: chance.random(n_items) < 0.8 for rule in draw(st.sets(st.sampled_from("ab")))},
        {"c": some_of(n_items, 3, chance)} if draw(st.booleans()) else {},
        draw(st.none() | st.just(likeness)),
    )
    return rules, some_of(n_items, draw(st.integers(0, most_found)), chance), draw(n_asked)


n_asked = st.integers(1, 45)


def some_of(n_items, n, chance):
    return chance.permutation(n_items)[:n].astype(np.int32)


def candidates(items):
    scores, voice = np.arange(len(items), dtype=np.float32), np.zeros(len(items), dtype=np.intp)
    return Ordered(items, scores, ("model",), voice)


def allowed_by(rules):
    out = {item for items in rules.keeps_out.values() for item in items.tolist()}
    may = [
        item
        for item in range(rules.n_items)
        if item not in out and all(mask[item] for mask in rules.lets_in.values())
    ]
    return np.array(may, dtype=np.int32)


def listed(rules, found, n):
    return rules.first(candidates(found), lambda: allowed_by(rules), n)


def kinds(rules, items):
    """Categories and groups of items, without those of none."""
    like = rules.likeness
    by_category = [k for k in like.categories[items].tolist() if k >= 0]
    by_group = [] if like.groups is None else [k for k in like.groups[items].tolist() if k >= 0]
    return by_category, by_group


@given(lists())
def test_a_list_is_full_if_enough_is_allowed_and_holds_nothing_else(asked):
    rules, found, n = asked
    made = listed(rules, found, n)

    assert len(made.items) == min(n, len(allowed_by(rules)))
    assert len(set(made.items.tolist())) == len(made.items)
    assert set(made.items.tolist()) <= set(allowed_by(rules).tolist())


@given(lists())
def test_near_duplicates_come_only_when_nothing_else_is_left(asked):
    rules, found, n = asked
    if rules.likeness is None:
        return
    made = listed(rules, found, n).items
    _, groups = kinds(rules, made)
    left = np.setdiff1d(allowed_by(rules), made)
    _, left_groups = kinds(rules, left)

    if len(set(groups)) < len(groups):  # all that is left is a near-duplicate, too
        assert len(left_groups) == len(left)
        assert set(left_groups) <= set(groups)


@given(lists())
def test_a_category_is_capped_where_the_catalogue_has_enough_of_others(asked):
    rules, found, n = asked
    like = rules.likeness
    if like is None or like.most is None or like.groups is not None:
        return
    everything, _ = kinds(rules, allowed_by(rules))
    without = len(allowed_by(rules)) - len(everything)
    room = without + sum(min(like.most, count) for count in Counter(everything).values())
    in_list, _ = kinds(rules, listed(rules, found, n).items)

    if n <= room:
        assert max(Counter(in_list).values(), default=0) <= like.most
    else:  # every item that the cap lets in is in the list
        fine = listed(rules, found, n).items[:room]
        assert max(Counter(kinds(rules, fine)[0]).values(), default=0) <= like.most


@given(lists())
def test_both_rules_hold_together_where_they_can(asked):
    rules, found, n = asked
    like = rules.likeness
    if like is None or like.most is None or like.groups is None:
        return
    nested = like.categories * 10 + like.groups  # as near-duplicates are of one category
    rules = Rules(
        rules.n_items,
        rules.lets_in,
        rules.keeps_out,
        Likeness(like.categories, like.most, np.where(like.groups < 0, -1, nested + 20)),
    )
    may = allowed_by(rules).tolist()
    of_none = sum(like.categories[k] < 0 and rules.likeness.groups[k] < 0 for k in may)
    single = {rules.likeness.groups[k] for k in may if like.categories[k] < 0} - {-1}
    room = of_none + len(single)
    for category in set(like.categories[may].tolist()) - {-1}:
        inside = [rules.likeness.groups[k] for k in may if like.categories[k] == category]
        room += min(like.most, inside.count(-1) + len(set(inside) - {-1}))
    by_category, by_group = kinds(rules, listed(rules, found, n).items[:room])

    assert max(Counter(by_category).values(), default=0) <= like.most
    assert max(Counter(by_group).values(), default=0) <= 1


@given(lists())
def test_what_is_on_time_keeps_its_order_and_its_score(asked):
    rules, found, n = asked
    made = listed(rules, found, n)
    place = {item: at for at, item in enumerate(found.tolist())}
    kept = [item for item in made.items.tolist() if item in place]
    if rules.likeness is not None:
        inside = np.array([k for k in found.tolist() if k in set(allowed_by(rules).tolist())], int)
        on_time = set(inside[rules.likeness.turns(inside, n).on_time].tolist())
        kept = [item for item in kept if item in on_time]

    assert kept == sorted(kept, key=place.get)
    for item, score, source in zip(made.items.tolist(), made.scores, made.sources, strict=True):
        assert (score == place[item]) if item in place else np.isnan(score)
        assert source == ("model" if item in place else POPULAR)


def test_a_group_whose_category_is_full_is_late_as_a_whole():
    categories, groups = np.array([0, 0, 1, 2]), np.array([-1, 4, 4, -1])
    likeness = rules_of.Likeness(categories, 1, groups)
    before, rest = np.array([0], dtype=np.int32), np.array([1, 2, 3], dtype=np.int32)

    still = likeness.still_open(rest, before, likeness.turns(before, 3))

    assert still.tolist() == [3]  # 1 stands for 2, and has no turn


@settings(max_examples=300)
@given(lists(most_found=2))
def test_looking_at_some_fillers_first_gives_the_list_that_all_would(asked):
    rules, found, n = asked
    before, rules_of.SOME_FILLERS = rules_of.SOME_FILLERS, 2
    try:
        some = listed(rules, found, n).items
        rules_of.SOME_FILLERS = 1_000
        every = listed(rules, found, n).items
    finally:
        rules_of.SOME_FILLERS = before

    assert some.tolist() == every.tolist()


def test_what_is_of_no_category_and_no_group_stays_open():
    like = Likeness(np.array([-1, -1, 0, 0]), 1, np.array([-1, -1, 0, 1]))
    before, rest = np.array([0, 2], dtype=np.int32), np.array([1, 3], dtype=np.int32)

    assert like.still_open(rest, before, like.turns(before, 4)).tolist() == [1]


def test_what_is_of_no_category_is_never_late():
    rules = Rules(6, likeness=Likeness(np.array([0, -1, 0, -1, -1, 1]), most=1))

    assert listed(rules, np.arange(6, dtype=np.int32), 6).items.tolist() == [0, 1, 3, 4, 5, 2]


def test_rules_that_acted_are_counted():
    rules = Rules(
        6,
        {"unavailable": np.array([True, False, True, True, True, True])},
        {"blocked": np.array([0], dtype=np.int32), "excluded": np.array([], dtype=np.int32)},
        Likeness(np.zeros(6, dtype=np.int32), 2, np.array([-1, -1, 0, 0, -1, -1])),
    )
    made = listed(rules, np.array([0, 1, 2, 3, 4, 5], dtype=np.int32), 3)

    assert made.items.tolist() == [2, 4, 5]
    assert rules.acted == {"unavailable": 1, "blocked": 1, "near_duplicate": 1, "category_cap": 1}


def test_without_rules_nothing_is_asked_for_and_nothing_counted():
    found = np.array([3, 1], dtype=np.int32)

    made = ANYTHING.first(candidates(found), lambda: np.array([0, 1, 2], dtype=np.int32), 3)

    assert made.items.tolist() == [3, 1, 0]
    assert ANYTHING.wanted(3) == 3
    assert ANYTHING.acted == {}


def spans(**days):
    return np.array([days.get(kind, 0) * DAY_US for kind in EVENT_TYPES], dtype=np.int64)


def held(spans_us, *events, had=()):
    """Items held back after events and a history of (item, type, days ago), the oldest first."""
    items, types, ago = (list(part) for part in zip(*had, strict=True)) if had else ([], [], [])
    arrays = (
        np.array(items, dtype=np.int32),
        np.array([EVENT_TYPES.index(kind) for kind in types], dtype=np.int8),
        np.array([NOW - days * DAY_US for days in ago], dtype=np.int64),
    )
    fresh = [Fresh(item, EVENT_TYPES.index(t), 0, NOW - d * DAY_US) for item, t, d in events]
    return too_recent(spans_us, arrays, fresh, NOW).tolist()


def test_what_was_bought_is_held_back_until_its_days_are_over():
    history = [(1, PURCHASE, 29), (2, PURCHASE, 31), (3, VIEW, 1)]

    assert held(spans(purchase=30), (4, PURCHASE, 0), (5, VIEW, 0), had=history) == [1, 4]
    assert held(spans(purchase=30, view=2), (5, VIEW, 3), had=history) == [1, 3]
    assert held(spans(), (4, PURCHASE, 0), had=history) == []


def test_a_cancellation_ends_it_and_a_wrong_clock_does_not_prolong_it():
    bought = (1, PURCHASE, 5)

    assert held(spans(purchase=30), (1, CANCEL, 0), had=[bought]) == []
    assert held(spans(purchase=30), (1, CANCEL, 2), (1, PURCHASE, 1)) == [1]
    assert held(spans(purchase=30), (1, PURCHASE, -400), had=[(2, PURCHASE, -400)]) == [1, 2]
