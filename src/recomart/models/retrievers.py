"""The models that stand alone, by the names used in settings and artefacts. One line each."""

from __future__ import annotations

from recomart.models.cooccurrence import CoOccurrence, CoOccurrenceConfig
from recomart.models.explicit.positives import PositivesConfig
from recomart.models.graphfilter import GraphFilter, GraphFilterConfig
from recomart.models.ials import IALS, IALSConfig
from recomart.models.itemknn import ItemKNN, ItemKNNConfig
from recomart.models.kinds import ModelKind
from recomart.models.popularity import Popularity, PopularityConfig
from recomart.models.rp3beta import RP3Beta, RP3BetaConfig
from recomart.models.svd import SVDRecommender
from recomart.models.trending import Trending, TrendingConfig

RETRIEVERS: dict[str, ModelKind] = {
    "cooccurrence": ModelKind(CoOccurrence, CoOccurrenceConfig),
    "graphfilter": ModelKind(GraphFilter, GraphFilterConfig),
    "ials": ModelKind(IALS, IALSConfig),
    "itemknn": ModelKind(ItemKNN, ItemKNNConfig),
    "popularity": ModelKind(Popularity, PopularityConfig),
    "rp3beta": ModelKind(RP3Beta, RP3BetaConfig),
    "svd": ModelKind(SVDRecommender, PositivesConfig),
    "trending": ModelKind(Trending, TrendingConfig),
}
