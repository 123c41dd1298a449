"""Whether Prefect is installed; if so, it is told to tell nobody of us."""

from __future__ import annotations

import os
from importlib.util import find_spec

from recomart.errors import MissingExtraError


def need_prefect() -> None:
    """Call this before the first import of Prefect. Raises MissingExtraError."""
    if find_spec("prefect") is None:
        raise MissingExtraError("Prefect", "prefect")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
