"""Settings: one typed tree; defaults < recomart.yaml < environment < flags.

Reads    recomart.yaml, RECOMART_… variables, flags
Imports  vocabulary, errors

Every error names the key, the file and line, and what would fit.
"""

from recomart.settings.experiments import DeclaredExperiment, ExperimentSettings
from recomart.settings.load import Loaded, load_root, load_settings
from recomart.settings.rules import RuleOverrides
from recomart.settings.sections import (
    DashboardSettings,
    EngineSettings,
    EvaluationSettings,
    FeatureSettings,
    LineageSettings,
    ModelSettings,
    OrchestrationSettings,
    PathSettings,
    PreparationSettings,
    QualitySettings,
    RankingSettings,
    RetrainingSettings,
    ServingSettings,
    Settings,
    TrackingSettings,
    VersioningSettings,
)
from recomart.settings.shops import below, hold_apart, load_shop, load_shops, shop_folder
from recomart.settings.sources import (
    Column,
    Contract,
    CsvDialect,
    CsvSource,
    EventLogSource,
    FileSource,
    Replace,
    RestSource,
    Rule,
    Source,
)
from recomart.settings.stream import StreamSettings
from recomart.settings.views import Aggregate, DeclaredView

__all__ = [
    "Aggregate",
    "Column",
    "Contract",
    "CsvDialect",
    "CsvSource",
    "DashboardSettings",
    "DeclaredExperiment",
    "DeclaredView",
    "EngineSettings",
    "EvaluationSettings",
    "EventLogSource",
    "ExperimentSettings",
    "FeatureSettings",
    "FileSource",
    "LineageSettings",
    "Loaded",
    "ModelSettings",
    "OrchestrationSettings",
    "PathSettings",
    "PreparationSettings",
    "QualitySettings",
    "RankingSettings",
    "Replace",
    "RestSource",
    "RetrainingSettings",
    "Rule",
    "RuleOverrides",
    "ServingSettings",
    "Settings",
    "Source",
    "StreamSettings",
    "TrackingSettings",
    "VersioningSettings",
    "below",
    "hold_apart",
    "load_root",
    "load_settings",
    "load_shop",
    "load_shops",
    "shop_folder",
]
