"""RP3beta is the walk of its formula."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.models import Interactions
from recomart.models.rp3beta import RP3Beta, RP3BetaConfig
from recomart.testing.recommenders import ExactRecommenderTests, random_shop

MUG, PEN, HAT, CAP = range(4)


class TestRP3Beta(ExactRecommenderTests):
    def make(self):
        return RP3Beta()


def naive(weights, config):
    """The formula, dense, without keeping only neighbours."""
    w = weights.toarray().astype(np.float64)
    w[w > 0] **= config.strength_exponent
    to_user = np.divide(w, w.sum(axis=0), where=w > 0, out=np.zeros_like(w))
    to_item = np.divide(w, w.sum(axis=1, keepdims=True), where=w > 0, out=np.zeros_like(w))
    walk = (to_user**config.alpha * (w > 0)).T @ (to_item**config.alpha * (w > 0))
    walk /= np.maximum((w > 0).sum(axis=0), 1.0) ** config.beta
    np.fill_diagonal(walk, 0)
    return walk


@pytest.mark.parametrize("options", [{}, {"alpha": 0.5, "beta": 0.0}, {"strength_exponent": 1.0}])
def test_the_weights_are_those_of_the_formula(options):
    config = RP3BetaConfig(neighbours=50, **options)
    shop = random_shop(seed=3)

    fitted = RP3Beta(config).fit(Interactions.from_weights(shop))

    np.testing.assert_allclose(fitted.weights_.toarray(), naive(shop, config), rtol=1e-4, atol=1e-7)


def test_a_walk_from_pen_to_hat_by_hand(tiny):
    # pen -> ann 1/5, bob 4/5; bob -> hat 9/14; the hat has one user, so no damping
    config = RP3BetaConfig(strength_exponent=1.0, alpha=1.0, beta=1.0)

    weights = RP3Beta(config).fit(tiny).weights_.toarray()

    assert weights[PEN, HAT] == pytest.approx(4 / 5 * 9 / 14)
    assert weights[PEN, MUG] == pytest.approx((1 / 5 * 1 / 2 + 4 / 5 * 1 / 14) / 3)


def test_a_recommended_item_keeps_its_largest_weights(tiny):
    every = RP3Beta().fit(tiny).weights_.toarray()
    kept = RP3Beta(RP3BetaConfig(neighbours=1)).fit(tiny).weights_.toarray()

    assert (kept.max(axis=0) == every.max(axis=0)).all()
    assert (kept > 0).sum(axis=0).max() == 1


def test_contributions_sum_to_the_score(tiny):
    model = RP3Beta().fit(tiny)
    history = csr_array(np.array([[1, 4, 0, 0]], dtype=np.float32))

    parts = model.contributions(history, HAT)

    assert parts.sum() == pytest.approx(model.scores(history)[0, HAT])
    assert parts[1] > parts[0]  # the pen, rarer and heavier, says more of the hat
