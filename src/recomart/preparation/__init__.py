"""Preparation: cleans, enriches as of then, finds sessions; explores what came of it.

Reads    valid_<source>
Writes   events, item_history, catalogue, categories; exploration (figures and pictures)
Imports  lake, engines, pages, vocabulary, errors; never quality, sources, features

`stage.py` prepares, one file per UTC day, and only the days whose inputs changed;
`explore.py` draws.
"""
