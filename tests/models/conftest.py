"""A shop small enough for paper."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.models import Interactions


@pytest.fixture
def tiny():
    """Ann has mug and pen, bob mug, pen and hat, eve mug; nobody has the cap."""
    weights = csr_array(np.array([[1, 1, 0, 0], [1, 4, 9, 0], [1, 0, 0, 0]], dtype=np.float32))
    return Interactions.from_weights(weights)
