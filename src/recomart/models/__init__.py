"""Models: each learns from interactions and ranks items for a history.

Reads    interactions (sparse confidence weights and events in time order); arrays, never tables
Writes   artefacts as named bytes (`recomart.models.artefact`), which the pipeline puts in the lake
Imports  errors, vocabulary, and of engines the Spark session; never features, ranking, evaluation

One model a file, one line in `retrievers.py`. A model satisfies `Recommender` and its test
inherits `recomart.testing.recommenders.RecommenderTests`.
"""

from recomart.models.base import Recommender, TopN
from recomart.models.interactions import Interactions

__all__ = ["Interactions", "Recommender", "TopN"]
