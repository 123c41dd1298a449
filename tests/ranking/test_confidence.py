"""Confidence keeps its promise where the time to come is like the time of calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import ArtefactError
from recomart.ranking.confidence import LEAST_USERS, Confidence, Truths, coverage

N = 100


def truths(rng, n_users, per_user=3):
    """Ranks that are worse for new users and for items of the tail; some are in no list."""
    users = np.repeat(np.arange(n_users, dtype=np.int32), per_user)
    segments = (users % 3).astype(np.int8)
    is_tail = rng.random(len(users)) < 0.4
    spread = 5 + 20 * (segments == 0) + 15 * is_tail
    ranks = np.ceil(rng.exponential(spread)).astype(np.float32)
    ranks[ranks > N] = np.inf
    return Truths(users, segments, is_tail, ranks)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_cover_what_they_say_overall_and_of_each_kind(level):
    rng = np.random.default_rng(5)
    confidence = Confidence.fit(truths(rng, 3_000), N)
    later = truths(rng, 3_000)
    parts = {"all": np.ones(len(later.users), dtype=bool), "tail": later.is_tail}
    parts |= {str(kind): later.segments == kind for kind in range(3)}

    for share, _ in coverage(confidence, later, level, parts).values():
        assert level - 0.03 <= share <= level + 0.05


def test_over_many_calibrations_the_mean_coverage_is_at_least_the_nominal():
    rng = np.random.default_rng(6)
    found = []
    for _ in range(150):
        later = truths(rng, 90, per_user=1)
        confidence = Confidence.fit(truths(rng, 90, per_user=1), N)
        everything = {"all": np.ones(len(later.users), dtype=bool)}
        found.append(coverage(confidence, later, 0.9, everything)["all"][0])

    assert 0.895 <= np.mean(found) <= 0.96


@given(st.integers(0, 10**6), st.integers(1, 300))
def test_confidence_never_rises_along_a_list_and_lies_between_0_and_1(seed, n_users):
    confidence = Confidence.fit(truths(np.random.default_rng(seed), n_users), N)
    ranks = np.arange(1, N + 3)
    for segment in range(3):
        for tail in (False, True):
            levels = confidence.of(np.full(len(ranks), segment), np.full(len(ranks), tail), ranks)

            assert (np.diff(levels) <= 0).all()
            assert levels[0] == pytest.approx(1)
            assert (levels[:N] > 0).all()
            assert (levels[N:] == 0).all()


def test_a_user_with_many_truths_counts_as_one():
    few = Truths(
        np.array([0] * 98 + [1, 2], dtype=np.int32),
        np.zeros(100, dtype=np.int8),
        np.zeros(100, dtype=bool),
        np.array([50] * 98 + [1, 1], dtype=np.float32),
    )
    confidence = Confidence.fit(few, N)

    nobody = np.array([0]), np.array([False])
    assert confidence.of(*nobody, np.array([2]))[0] == pytest.approx((1 + 1) / (1 + 3))


def test_a_kind_with_few_users_is_judged_with_the_others():
    rng = np.random.default_rng(1)
    many = truths(rng, 3 * LEAST_USERS + 30)
    without = many.take((many.segments != 2) | (many.users < 9))
    one, other = (Confidence.fit(part, N).levels for part in (many, without))

    assert not np.array_equal(one[0], one[2])
    assert np.array_equal(other[2], Confidence.fit(without.take(~without.is_tail), N).levels[2])


def test_what_no_list_held_lowers_what_can_be_covered():
    rng = np.random.default_rng(2)
    held = truths(rng, 100, per_user=1)
    held.ranks[:50] = np.inf

    assert Confidence.fit(held, N).list_recall <= 0.5


def test_nobody_wanted_anything():
    nothing = truths(np.random.default_rng(0), 0)

    assert (Confidence.fit(nothing, N).levels == 1).all()


def test_it_is_stored_and_comes_back():
    confidence = Confidence.fit(truths(np.random.default_rng(3), 200), N)
    body = confidence.to_bytes()
    again = Confidence.from_bytes(body)

    assert again.to_bytes() == body
    assert np.array_equal(again.levels, confidence.levels)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-9],
        lambda _: b"{}",
        lambda body: body.replace(b'"format":1', b'"format":2'),
        lambda body: body.replace(b"[[1.0,", b"[[0.1,"),
        lambda body: body.replace(b"[[1.0,", b"[[7.0,"),
        lambda body: body.replace(b"],[", b",0.0],[", 1),
    ],
)
def test_a_file_that_was_changed_is_refused(change):
    body = Confidence.fit(truths(np.random.default_rng(3), 200), N).to_bytes()

    with pytest.raises(ArtefactError, match="confidence"):
        Confidence.from_bytes(change(body))
