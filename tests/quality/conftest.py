"""A shop to be filled with files."""

import pytest

from tests.quality.shop import Shop


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)
