"""Every feature view. One line each; the order is that of the warehouse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recomart.errors import NotFoundError
from recomart.features.category import category_features
from recomart.features.declared import declared_view
from recomart.features.item import item_features
from recomart.features.pairs import item_pairs
from recomart.features.price import price_features
from recomart.features.session import session_features
from recomart.features.time import time_features
from recomart.features.user import user_features
from recomart.features.user_category import user_category_features
from recomart.features.user_item import user_item_features

if TYPE_CHECKING:
    from recomart.features.definition import FeatureView
    from recomart.settings import FeatureSettings

VIEWS: dict[str, FeatureView] = {
    view.name: view
    for view in (
        user_features,
        item_features,
        user_item_features,
        user_category_features,
        session_features,
        category_features,
        price_features,
        time_features,
        item_pairs,
    )
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
