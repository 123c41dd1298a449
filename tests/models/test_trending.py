"""Trending compares a recent window with the one before."""

import numpy as np

from recomart.models import Interactions
from recomart.models.trending import Trending, TrendingConfig
from recomart.testing.recommenders import ExactRecommenderTests
from recomart.vocabulary import DAY_US

MUG, PEN, HAT = 0, 1, 2


class TestTrending(ExactRecommenderTests):
    def make(self):
        return Trending()


def fitted(items, strengths, days, now_days):
    interactions = Interactions.from_events(
        np.zeros(len(items), dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array(strengths, dtype=np.float64),
        np.array(days) * DAY_US,
        shape=(1, 3),
        now_us=now_days * DAY_US,
    )
    config = TrendingConfig(recent_days=7, baseline_days=28, prior=2.0)
    return Trending(config).fit(interactions)


def test_the_score_is_the_log_ratio_of_recent_to_expected():
    model = fitted([MUG, PEN, MUG, HAT], [4.0, 2.0, 1.0, 3.0], [29, 29, 10, 10], now_days=30)
    # all recent strength is 6; of the baseline the mug had 1/4, the pen nothing

    expected = [np.log((4 + 2) / (1.5 + 2)), np.log((2 + 2) / 2), -np.inf]
    np.testing.assert_allclose(model.item_scores_, expected, rtol=1e-6)


def test_a_window_is_half_open_at_its_older_end():
    model = fitted([MUG, PEN], [1.0, 1.0], [23, 24], now_days=30)

    assert np.isneginf(model.item_scores_[MUG])
    assert model.item_scores_[PEN] > 0


def test_without_a_baseline_the_order_is_that_of_recent_strength():
    model = fitted([MUG, PEN, HAT], [1.0, 3.0, 2.0], [30, 30, 30], now_days=30)

    assert np.argsort(-model.item_scores_).tolist() == [PEN, HAT, MUG]


def test_what_was_taken_back_does_not_trend():
    model = fitted([MUG, MUG], [5.0, -5.0], [29, 30], now_days=30)

    assert np.isneginf(model.item_scores_[MUG])
