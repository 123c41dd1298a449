"""Every feature view. One line each; the order is that of the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.features.category import CATEGORY
from recomart.features.item import ITEM
from recomart.features.pairs import PAIRS
from recomart.features.session import SESSION
from recomart.features.time import TIME
from recomart.features.user import USER
from recomart.features.user_item import USER_ITEM

if TYPE_CHECKING:
    from recomart.features.definition import FeatureView

VIEWS: dict[str, FeatureView] = {
    view.name: view for view in (USER, ITEM, USER_ITEM, SESSION, CATEGORY, TIME, PAIRS)
}
