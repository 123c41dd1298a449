"""Models as named bytes: JSON that says what they are, and npz that holds what they learned.

No pickle anywhere. The same model gives the same bytes; what is loaded is checked member by member
against what the JSON says, before any array is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from recomart.errors import RecomartError
from recomart.models.npz import ArrayDescription, describe, pack, refused, unpack
from recomart.models.registry import model_kind, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.models.base import Recommender

DESCRIPTION, ARRAYS = "model.json", "arrays.npz"


class ModelDescription(BaseModel, frozen=True, extra="forbid"):
    """What `model.json` says."""

    format: Literal[1]
    kind: str
    config: dict[str, Any]
    arrays: dict[str, ArrayDescription]


def save(model: Recommender) -> dict[str, bytes]:
    """Return the files of a fitted model by name. Raises NotFittedError before `fit`."""
    arrays = {name: np.asarray(array, order="C") for name, array in sorted(model.arrays().items())}
    description = ModelDescription(
        format=1,
        kind=name_of(model),
        config=model.config.model_dump(mode="json"),
        arrays=describe(arrays),
    )
    text = description.model_dump_json(indent=2) + "\n"
    return {DESCRIPTION: text.encode(), ARRAYS: pack(arrays)}


def load(files: Mapping[str, bytes]) -> Recommender:
    """Make the model again. Raises ArtefactError for anything but what `save` wrote."""
    for name in (DESCRIPTION, ARRAYS):
        if name not in files:
            raise refused(f"it has no file {name!r}")
    try:
        description = ModelDescription.model_validate_json(files[DESCRIPTION])
        kind = model_kind(description.kind)
        config = kind.configure(description.config)
    except ValidationError as error:
        raise refused(f"{DESCRIPTION} has {error.error_count()} fault(s)") from None
    except RecomartError as error:
        raise refused(error.cause) from None
    arrays = unpack(files[ARRAYS], description.arrays)
    model: Recommender = kind.model.from_arrays(config, arrays)
    return model
