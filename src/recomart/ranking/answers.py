"""The id of an answer: it leads back to the published model that gave it, and so to its data."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from recomart.errors import NotFoundError
from recomart.ranking.aliases import PUBLISHED

if TYPE_CHECKING:
    from recomart.lake import Lake, Manifest

N_LETTERS = 12
"""Of a model's version, and of what tells its answers apart."""
_ID = re.compile(rf"([0-9a-f]{{{N_LETTERS}}})-[0-9a-f]{{{N_LETTERS}}}")


def new_recommendation_id(model_version: str) -> str:
    """Return the id of a new answer by the published model of this version."""
    return f"{model_version[:N_LETTERS]}-{secrets.token_hex(N_LETTERS // 2)}"


def model_version_of(recommendation_id: str) -> str | None:
    """Return how the version of the model that answered begins; None: this is no such id."""
    match = _ID.fullmatch(recommendation_id)
    return match[1] if match else None


def answered_by(lake: Lake, recommendation_id: str) -> Manifest:
    """Return the published model that gave an answer. Raises NotFoundError."""
    start = model_version_of(recommendation_id)
    models = list(lake.newest_first(PUBLISHED)) if start else []
    for manifest in models:
        if manifest.version.startswith(str(start)):
            return manifest
    known = [manifest.version[:N_LETTERS] for manifest in models]
    raise NotFoundError.of("published model for the recommendation", recommendation_id, known)
