"""Experiments that fall the same way in every run."""

from itertools import count

import pytest

from recomart.experiments import changes


@pytest.fixture(autouse=True)
def _same_dice(monkeypatch):
    """Salts are drawn one after the other from the same row."""
    numbers = count(1)
    monkeypatch.setattr(changes.secrets, "token_hex", lambda n: f"{next(numbers):0{2 * n}x}")
