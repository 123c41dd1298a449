"""The models that stand alone, by the names used in settings and artefacts. One line each.

The cheapest first: where two are as good as each other, the one that stands first serves.
"""

from __future__ import annotations

from recomart.models.content import Content, ContentConfig
from recomart.models.cooccurrence import CoOccurrence, CoOccurrenceConfig
from recomart.models.deep.configs import SASRecConfig, TwoTowerConfig
from recomart.models.deep.sasrec import SASRec
from recomart.models.deep.twotower import TwoTower
from recomart.models.explicit.positives import PositivesConfig
from recomart.models.graphfilter import GraphFilter, GraphFilterConfig
from recomart.models.ials import IALS, IALSConfig
from recomart.models.itemknn import ItemKNN, ItemKNNConfig
from recomart.models.kinds import ModelKind
from recomart.models.popularity import Popularity, PopularityConfig
from recomart.models.rp3beta import RP3Beta, RP3BetaConfig
from recomart.models.sessionknn import SessionKNN, SessionKNNConfig
from recomart.models.sparkals import SparkALS, SparkALSConfig
from recomart.models.svd import SVDRecommender
from recomart.models.trending import Trending, TrendingConfig

RETRIEVERS: dict[str, ModelKind] = {
    "popularity": ModelKind(Popularity, PopularityConfig),
    "trending": ModelKind(Trending, TrendingConfig),
    "cooccurrence": ModelKind(CoOccurrence, CoOccurrenceConfig),
    "content": ModelKind(Content, ContentConfig),
    "itemknn": ModelKind(ItemKNN, ItemKNNConfig),
    "rp3beta": ModelKind(RP3Beta, RP3BetaConfig),
    "sessionknn": ModelKind(SessionKNN, SessionKNNConfig),
    "ials": ModelKind(IALS, IALSConfig),
    "sparkals": ModelKind(SparkALS, SparkALSConfig),
    "svd": ModelKind(SVDRecommender, PositivesConfig),
    "graphfilter": ModelKind(GraphFilter, GraphFilterConfig),
    "twotower": ModelKind(TwoTower, TwoTowerConfig),
    "sasrec": ModelKind(SASRec, SASRecConfig),
}
