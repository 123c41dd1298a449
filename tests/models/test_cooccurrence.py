"""Co-occurrence compares how often together with how often apart."""

import numpy as np
import pytest

from recomart.models import Interactions
from recomart.models.cooccurrence import CoOccurrence, CoOccurrenceConfig
from recomart.testing.recommenders import ExactRecommenderTests
from recomart.vocabulary import DAY_US

MUG, PEN, HAT, CAP = range(4)


class TestCoOccurrence(ExactRecommenderTests):
    def make(self):
        return CoOccurrence()


class TestCoOccurrenceByDay(ExactRecommenderTests):
    def make(self):
        return CoOccurrence(CoOccurrenceConfig(basket="day", similarity="lift"))


def weights_of(interactions, **options):
    fitted = CoOccurrence(CoOccurrenceConfig(**options)).fit(interactions)
    return fitted.weights_.toarray()


def test_cosine_by_hand(tiny):
    # mug in 3 baskets, pen in 2, both in 2
    weights = weights_of(tiny, shrinkage=2.0)

    assert weights[MUG, PEN] == pytest.approx(2 / np.sqrt(6) * 2 / 4)


def test_lift_by_hand(tiny):
    # pen in 2 of 3 baskets, hat in 1, both in 1
    weights = weights_of(tiny, similarity="lift", shrinkage=0.0)

    assert weights[PEN, HAT] == pytest.approx(3 * 1 / (2 * 1))


def test_together_on_one_day_is_more_than_together_ever():
    ann = np.zeros(3, dtype=np.int32)
    interactions = Interactions.from_events(
        ann,
        np.array([MUG, PEN, HAT], dtype=np.int32),
        np.ones(3),
        np.array([0, DAY_US - 1, DAY_US]),
        shape=(1, 4),
    )

    assert weights_of(interactions)[PEN, HAT] > 0
    assert weights_of(interactions, basket="day")[MUG, PEN] > 0
    assert weights_of(interactions, basket="day")[PEN, HAT] == 0


def test_two_users_on_one_day_share_no_basket():
    interactions = Interactions.from_events(
        np.array([0, 1], dtype=np.int32),
        np.array([MUG, PEN], dtype=np.int32),
        np.ones(2),
        np.zeros(2, dtype=np.int64),
        shape=(2, 4),
    )

    assert not weights_of(interactions, basket="day").any()
