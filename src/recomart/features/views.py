"""The feature views of a shop: those named in `names.py`, and those that its settings declare."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from recomart.errors import NotFoundError
from recomart.features.declared import declared_view
from recomart.features.names import VIEW_FILES

if TYPE_CHECKING:
    from recomart.features.definition import FeatureView
    from recomart.settings import FeatureSettings

VIEWS: dict[str, FeatureView] = {
    name: getattr(import_module(f"recomart.features.{file}"), name)
    for name, file in VIEW_FILES.items()
}


def views_of(settings: FeatureSettings) -> dict[str, FeatureView]:
    """Return the views of a shop: those of RecoMart, and those that its settings declare.

    Raises NotFoundError for a version that is set for a view that there is not.
    """
    for name in settings.versions:
        if name not in VIEWS:
            raise NotFoundError.of("feature view", name, VIEWS)
    ours = {
        name: replace(view, version=settings.versions.get(name, view.version))
        for name, view in VIEWS.items()
    }
    return ours | {name: declared_view(name, says) for name, says in settings.views.items()}
