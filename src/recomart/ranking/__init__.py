"""Ranking: from interactions to the list that a person sees.

Reads    prepared events and catalogue, fitted models
Writes   id maps, fitted models, the champion: everything needed to answer, in one data set
Imports  models, features, lake, engines; never evaluation, pipeline
"""

from recomart.ranking.champion import Champion
from recomart.ranking.lines import Recommendation

__all__ = ["Champion", "Recommendation"]
