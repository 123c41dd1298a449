"""Settings: one typed tree; defaults < recomart.yaml < environment < flags.

Reads    recomart.yaml, RECOMART_… variables, flags
Imports  vocabulary, errors

Every error names the key, the file and line, and what would fit.
"""

from recomart.settings.load import Loaded, load_settings
from recomart.settings.sections import (
    EngineSettings,
    EvaluationSettings,
    FeatureSettings,
    ModelSettings,
    PathSettings,
    PreparationSettings,
    QualitySettings,
    RankingSettings,
    Settings,
)
from recomart.settings.sources import (
    Column,
    Contract,
    CsvDialect,
    CsvSource,
    Replace,
    RestSource,
    Rule,
    Source,
)
from recomart.settings.views import Aggregate, DeclaredView

__all__ = [
    "Aggregate",
    "Column",
    "Contract",
    "CsvDialect",
    "CsvSource",
    "DeclaredView",
    "EngineSettings",
    "EvaluationSettings",
    "FeatureSettings",
    "Loaded",
    "ModelSettings",
    "PathSettings",
    "PreparationSettings",
    "QualitySettings",
    "RankingSettings",
    "Replace",
    "RestSource",
    "Rule",
    "Settings",
    "Source",
    "load_settings",
]
