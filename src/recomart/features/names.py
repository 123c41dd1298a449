"""Every feature view that RecoMart brings: its name, and the file that it stands in.

One line each; the order is that of the warehouse. Light, so that doors know the names without
importing what computes the views.
"""

from __future__ import annotations

VIEW_FILES = {
    "user_features": "user",
    "item_features": "item",
    "user_item_features": "user_item",
    "user_category_features": "user_category",
    "session_features": "session",
    "category_features": "category",
    "price_features": "price",
    "time_features": "time",
    "item_pairs": "pairs",
}
