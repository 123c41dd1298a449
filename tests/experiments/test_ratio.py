"""The sample-ratio check finds lost units, and does not cry wolf."""

import numpy as np
import pytest

from recomart.experiments.ratio import LEAST_P, ratio_p


def test_lost_units_are_found():
    assert ratio_p([5_000, 4_600], [0.5, 0.5]) < LEAST_P
    assert ratio_p([9_000, 1_000], [0.9, 0.1]) == 1.0
    assert ratio_p([0, 0], [0.5, 0.5]) == 1.0


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.5, 0.3, 0.2)])
def test_chance_alone_is_seldom_taken_for_a_loss(rng, shares):
    p = np.array([ratio_p(rng.multinomial(3_000, shares), shares) for _ in range(2_000)])

    assert (p < LEAST_P).mean() <= 0.004
    assert abs((p < 0.1).mean() - 0.1) < 0.025
