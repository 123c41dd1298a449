"""Features: each defined once, as of a moment; for training, for serving, for SQL.

Reads    prepared events, categories, item history; what people save
Writes   one data set a view, the registry, fitted encoders; the online store and the warehouse
Imports  engines, lake, pages; never preparation, models, ranking

One view a file; a view is registered by its line in `views.py`. `store.py` is the door.
Nothing is imported here, so that `recomart.features.online` starts light.
"""
