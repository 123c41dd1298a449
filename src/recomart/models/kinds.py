"""What the registry says about a model: its class and its hyper-parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from recomart.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from recomart.models.base import Recommender


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A model as it is named in settings and artefacts.

    model   the class; called with a configuration it makes an unfitted model
    config  its hyper-parameters
    """

    model: type[Any]
    config: type[BaseModel]

    def make(self, options: Mapping[str, object] | None = None) -> Recommender:
        """Return an unfitted model. Raises SettingsError, naming each option that does not fit."""
        recommender: Recommender = self.model(self.configure(options or {}))
        return recommender

    def configure(self, options: Mapping[str, object]) -> BaseModel:
        """Return the hyper-parameters with these options. Raises SettingsError as `make`."""
        try:
            return self.config.model_validate(dict(options))
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            known = ", ".join(self.config.model_fields)
            raise SettingsError(
                f"{self.model.__name__} cannot be configured so: {faults}.",
                remedy=f"It has these options: {known}.",
            ) from None
