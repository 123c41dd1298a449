"""Ratings with a pattern to be found: two tastes, harsh users and good items."""

import numpy as np
import pytest

from recomart.models.explicit import Ratings


@pytest.fixture(scope="session")
def ratings():
    rng = np.random.default_rng(5)
    users, items = (drawn.astype(np.int32) for drawn in np.divmod(rng.permutation(1200)[:700], 30))
    liking = np.where(users % 2 == items % 2, 1.0, -1.0)
    level = 3 + 0.3 * np.sin(users) + 0.3 * np.cos(items) + 0.2 * rng.standard_normal(700)
    times = rng.permutation(700).astype(np.int64)
    return Ratings(users, items, np.clip(level + liking, 1, 5), 40, 30, times)
