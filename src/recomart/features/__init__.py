"""Features: each defined once, as of a moment; stored as data sets and in a SQL warehouse.

Reads    prepared events, catalogue, categories, item history
Writes   one data set a view, fitted encoders, the SQLite warehouse
Imports  engines, lake; never preparation, models, ranking

One view a file; a view is registered by its line in `views.py`.
"""

from recomart.features.definition import Feature, FeatureView

__all__ = ["Feature", "FeatureView"]
