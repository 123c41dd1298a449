"""What every test shares: reproducible randomness, and patience with busy machines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("recomart", deadline=None, max_examples=50)
settings.load_profile("recomart")


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)
