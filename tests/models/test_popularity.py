"""Popularity counts users or strength, and forgets at its half-life."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.models import Interactions
from recomart.models.popularity import Popularity, PopularityConfig
from recomart.testing.recommenders import ExactRecommenderTests
from recomart.vocabulary import DAY_US

ANN, BOB, EVE = 0, 1, 2
MUG, PEN, HAT = 0, 1, 2


class TestPopularity(ExactRecommenderTests):
    def make(self):
        return Popularity()


def shop(*events, now_days=10):
    """Events as (user, item, strength, day)."""
    users, items, strengths, days = (np.array(column) for column in zip(*events, strict=True))
    return Interactions.from_events(
        users, items, strengths, days * DAY_US, shape=(3, 4), now_us=now_days * DAY_US
    )


def scores_of(interactions, **options):
    return Popularity(PopularityConfig(**options)).fit(interactions).item_scores_


def test_a_user_counts_once_and_half_after_the_half_life():
    interactions = shop(
        (ANN, MUG, 1.0, 0), (ANN, MUG, 1.0, 10), (BOB, MUG, 1.0, 5), (BOB, PEN, 1.0, 0)
    )

    np.testing.assert_allclose(
        scores_of(interactions, half_life_days=5), [1 + 0.5, 0.25, -np.inf, -np.inf]
    )


def test_strength_counts_every_event_by_its_worth():
    interactions = shop((ANN, MUG, 5.0, 10), (ANN, MUG, 1.0, 5), (BOB, PEN, 3.0, 0))

    np.testing.assert_allclose(
        scores_of(interactions, half_life_days=5, count="strength"),
        [5 + 0.5, 0.75, -np.inf, -np.inf],
    )


@pytest.mark.parametrize("count", ["users", "strength"])
def test_a_purchase_taken_back_does_not_count(count):
    interactions = shop((ANN, MUG, 5.0, 10), (ANN, MUG, -5.0, 10), (BOB, PEN, 5.0, 10))

    assert np.isneginf(scores_of(interactions, count=count)[MUG])


def test_the_most_popular_unseen_item_comes_first():
    interactions = shop((ANN, MUG, 1.0, 9), (BOB, MUG, 1.0, 9), (EVE, PEN, 1.0, 9))
    history = csr_array(([1.0], ([0], [MUG])), shape=(2, 4))

    top = Popularity().fit(interactions).recommend(history, n=2)

    assert top.items.tolist() == [[PEN, -1], [MUG, PEN]]
