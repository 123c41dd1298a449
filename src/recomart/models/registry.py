"""Every model by name: those that stand alone, and the blend of them."""

from __future__ import annotations

from recomart.errors import NotFoundError
from recomart.models.blend import Blend, BlendConfig
from recomart.models.kinds import ModelKind
from recomart.models.retrievers import RETRIEVERS

MODELS: dict[str, ModelKind] = {**RETRIEVERS, "blend": ModelKind(Blend, BlendConfig)}


def model_kind(name: str) -> ModelKind:
    """Return the model of that name. Raises NotFoundError, offering the nearest."""
    if name not in MODELS:
        raise NotFoundError.of("model", name, MODELS)
    return MODELS[name]


def name_of(model: object) -> str:
    """Return the name under which a model's class is registered."""
    for name, kind in MODELS.items():
        if type(model) is kind.model:
            return name
    raise NotFoundError.of("model", type(model).__name__, MODELS)
