"""The branches of the tree: one frozen model each, closed against unknown words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from recomart.settings.experiments import ExperimentSettings
from recomart.settings.rules import DaysHeld, NearDuplicates
from recomart.settings.sources import Source
from recomart.settings.stream import StreamSettings
from recomart.settings.views import DeclaredView, Name, Section, Version
from recomart.vocabulary import ADD_TO_CART, CANCEL, CLICK, PURCHASE, RATE, VIEW

ShopName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
"""A name that is safe in a path, a label and a line of a log."""


class PathSettings(Section):
    """Where things live; relative paths are relative to the folder of recomart.yaml."""

    lake: str = Field("data/lake", description="root of the lake: a folder, or s3://bucket/prefix")
    cache: str = Field(
        "data/cache", description="local copies of files of a lake in a bucket, and its work space"
    )
    warehouse: str = Field(
        "data/warehouse.sqlite", description="feature warehouse: an SQLite file, or postgresql://…"
    )
    online: str = Field(
        "data/online.sqlite",
        description="online store: an SQLite file, postgresql://… or redis://…",
    )
    reports: str = Field("reports", description="copies of the HTML reports, to open and send")
    logs: str = Field("logs", description="stage logs and run records")
    erasures: str = Field(
        "data/erasures", description="who is to be erased, and receipts of erasures; a folder"
    )


class EngineSettings(Section):
    """What computes, with the same result: PostgreSQL features alone, Spark tables, too."""

    kind: Literal["duckdb", "postgres", "spark"] = Field(
        "duckdb", description="the engine: of features, and if it is Spark, of all tables"
    )
    memory_limit: str = Field(
        "4GiB",
        pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$",
        description="DuckDB's; above it, work spills to disk",
    )
    threads: int = Field(0, ge=0, description="DuckDB's; 0: as many as there are cores")
    postgres: str = Field("", description="postgresql://… of the database that computes")
    spark_master: str = Field("local[*]", description="local[*], spark://…, yarn, k8s://…")
    spark_options: dict[str, str] = Field(default={}, description="settings of the Spark session")


class QualitySettings(Section):
    """When bad rows stop the run."""

    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="share of a source's rows above which the run fails"
    )


class PreparationSettings(Section):
    """How events become interactions and sessions."""

    strengths: dict[str, float] = Field(
        default={
            VIEW: 1.0,
            CLICK: 2.0,
            ADD_TO_CART: 3.0,
            PURCHASE: 5.0,
            CANCEL: -5.0,
            RATE: 0.0,
        },
        description="interaction strength of each event type",
    )
    session_gap_minutes: float = Field(30.0, gt=0, description="silence that ends a session")
    first_known_holds_before: bool = Field(
        True,
        description="an item's first known attributes are taken to have held before; those of the "
        "catalogue to have been known, too",
    )
    item_properties: dict[str, str] = Field(
        default={"categoryid": "category_id", "available": "available", "790": "price"},
        description="time-varying property name to attribute (RetailRocket: 790 is the price)",
    )


class FeatureSettings(Section):
    """Windows and sizes of features."""

    windows_days: tuple[int, ...] = Field((1, 7, 30), description="trailing windows, in days")
    pairs_per_item: int = Field(50, gt=0, description="co-occurring items kept for each item")
    versions: dict[Name, Version] = Field(
        default={}, description="a new version of a view whose definition these settings change"
    )
    views: dict[Name, DeclaredView] = Field(
        default={}, description="views of your own; usually in feature_store.yaml beside this file"
    )


RETRIEVERS = (
    *("popularity", "trending", "cooccurrence", "content"),
    *("itemknn", "rp3beta", "sessionknn", "ials"),
)


class ModelSettings(Section):
    """What is trained. Hyper-parameters are checked by the model they belong to."""

    train: tuple[str, ...] = Field(
        (*RETRIEVERS, "blend"),
        min_length=1,
        description="models to train and compare",
    )
    serve: str = Field(
        "auto",
        description="the model that `recomart recommend` asks; auto: the one that the promotion "
        "gate chose",
    )
    parameters: dict[str, dict[str, JsonValue]] = Field(
        default={}, description="hyper-parameters by model name"
    )
    train_days: int | None = Field(
        None, gt=0, description="learn from the last so many days; null: from all"
    )


class RankingSettings(Section):
    """Candidates, the ranker that orders them, and its confidence."""

    retrievers: tuple[str, ...] = Field(
        RETRIEVERS,
        min_length=1,
        description="models that propose candidates; each must be in `models.train`",
    )
    each: int = Field(100, gt=0, le=500, description="items that each of them proposes")
    candidates: int = Field(
        300, gt=0, le=500, description="of their union, items that the ranker orders"
    )
    label_days: float | None = Field(
        None,
        gt=0,
        description="length of each of the two windows before the test window: one to learn the "
        "ranker from, one to calibrate by; null: a tenth of the time before, at most 28 days",
    )
    max_users: int = Field(4_000, gt=0, description="users of each window at most; seeded")
    negatives: int = Field(
        60, gt=0, description="candidates that were not wanted, drawn for each user"
    )
    losses: tuple[Literal["YetiRank", "YetiRankPairwise", "QueryRMSE"], ...] = Field(
        ("QueryRMSE", "YetiRank", "YetiRankPairwise"),
        min_length=1,
        description="losses to choose from on a part of the second window",
    )
    trees: int = Field(500, gt=0, description="of the ranker, at most")
    depth: int = Field(6, gt=0, le=16, description="of a tree")
    learning_rate: float = Field(0.05, gt=0, description="of the ranker")
    coverage: float = Field(
        0.9, gt=0, lt=1, description="nominal coverage of the sets that the report speaks of"
    )
    max_per_category: int | None = Field(
        None, gt=0, description="items of one category in a list before others take their turn"
    )


class EvaluationSettings(Section):
    """How models are judged."""

    test_days: float | None = Field(None, gt=0, description="length of the test window")
    test_share: float = Field(
        0.2, gt=0, lt=1, description="share of the time span to test on, where test_days is null"
    )
    ks: tuple[int, ...] = Field((5, 10, 20), min_length=1, description="cut-offs of the metrics")
    relevant: tuple[str, ...] = Field(
        (CLICK, ADD_TO_CART, PURCHASE), description="event types that make a test item relevant"
    )
    exclude_seen: bool = Field(True, description="leave out what the user had in training")
    max_users: int = Field(20_000, gt=0, description="test users at most; a seeded sample above")
    bootstrap: int = Field(1_000, ge=100, description="resamples of the intervals")
    light_history: int = Field(5, ge=1, description="a user with at most so many items is light")
    seed: int = Field(7, description="of every random choice in training and evaluation")


class BatchSettings(Section):
    """Lists for every user, written as a data set by `recomart batch`."""

    n_items: int = Field(20, ge=1, le=1_000, description="length of a list")
    model: str = Field(
        "auto",
        description="the published model that makes the lists; auto: the champion, and where that "
        "is the cascade and there are over 500,000 users, the best of its retrievers",
    )
    users_per_partition: int = Field(
        50_000, ge=1, description="users of one file; what is finished outlives a killed run"
    )


class TrackingSettings(Section):
    """Where MLflow hears of runs. Without MLflow, runs wait in the lake until it is there."""

    is_on: bool = Field(True, description="tell MLflow of every run that made something")
    uri: str = Field(
        "sqlite:///mlflow.db",
        description="tracking server, http://…, or an SQLite file relative to recomart.yaml",
    )
    experiment: str = Field("", description="name of the experiment; empty: that of the project")
    timeout_s: float = Field(10.0, gt=0, description="patience with a server, for each call")


class VersioningSettings(Section):
    """DVC over the layers of the lake and the warehouse."""

    every_run: bool = Field(
        False, description="take a snapshot after every run that made something"
    )
    remote: str = Field("", description="where snapshots are pushed to: a folder, or s3://…")


class LineageSettings(Section):
    """OpenLineage events of every run that made something."""

    file: str = Field("logs/lineage.jsonl", description="a JSON line an event; empty: none")
    url: str = Field("", description="an OpenLineage endpoint, such as Marquez; empty: none")
    namespace: str = Field("", description="of jobs and data sets; empty: that of the project")


class OrchestrationSettings(Section):
    """How schedulers treat stages."""

    retries: int = Field(
        2, ge=0, description="of a stage that failed for what lies outside, such as a server"
    )
    retry_wait_s: float = Field(30.0, ge=0, description="before the first retry; doubled each time")
    timeout_minutes: float = Field(240.0, gt=0, description="for each stage")


VARIANT_WORDS = (
    "beige", "black", "blue", "brown", "cream", "gold", "gray", "green", "grey", "ivory",
    "navy", "orange", "pink", "purple", "red", "silver", "turquoise", "violet", "white", "yellow",
)  # fmt: skip


class ServingSettings(Section):
    """How the service answers."""

    exclude_seen: bool = Field(True, description="leave out what the user had")
    blocked: tuple[str, ...] = Field((), description="items that are never recommended")
    cool_off_days: DaysHeld = Field(
        default={},
        description="by event type, days for which an item is held back after it, such as "
        "{purchase: 30}; also where exclude_seen is false",
    )
    max_per_category: int | None = Field(
        None, gt=0, description="items of one category in a list before others take their turn"
    )
    near_duplicates: NearDuplicates = Field(
        "hide", description="hide: the same thing in two colours is in a list once"
    )
    variant_words: tuple[str, ...] = Field(
        VARIANT_WORDS, description="words by which titles of near-duplicates may differ"
    )
    host: str = Field("127.0.0.1", description="address to listen on; beyond loopback needs a key")
    port: int = Field(8000, ge=0, le=65_535, description="to listen on; 0: any that is free")
    workers: int = Field(1, ge=1, le=64, description="processes that answer")
    threads: int = Field(
        1,
        ge=1,
        le=64,
        description="of each worker, for lists; 2 or more pay where the online "
        "store is asked over a network",
    )
    events: str = Field("data/events.sqlite", description="the event log; as in its source")
    keys: str = Field("data/keys.json", description="API keys, hashed: `recomart keys create`")
    reload_s: float = Field(2.0, gt=0, description="how often to look for a new champion")
    max_body_bytes: int = Field(1 << 20, ge=1 << 10, description="of a request, at most")
    max_bodies_bytes: int = Field(
        64 << 20, ge=1 << 10, description="of all requests that a worker holds; more get 503"
    )
    max_events: int = Field(1_000, ge=1, le=50_000, description="of one request, at most")
    max_connections: int = Field(
        1_000, ge=1, description="that a worker holds; beyond, the one longest silent is closed"
    )
    max_requests: int = Field(
        256, ge=1, description="that a worker has in work or waiting; more get 503 at once"
    )
    max_wait_s: float = Field(
        0.1, gt=0, description="that a list would wait for those before it; more get 503 at once"
    )
    max_requests_per_s: float = Field(
        0.0, ge=0, description="of one key (or address), in each worker; more get 429; 0: no limit"
    )
    max_shop_requests_per_s: float = Field(
        0.0, ge=0, description="of all callers together, in each worker; more get 429; 0: no limit"
    )
    header_timeout_s: float = Field(
        10.0, gt=0, description="for the head of a request, from its first byte or the connection"
    )
    timeout_s: float = Field(10.0, gt=0, description="for the body of a request, and its answer")
    kept_answers: int = Field(
        2_000, ge=0, description="latest answers kept for /explain, of all workers together"
    )
    kept_exposures: int = Field(
        200_000,
        ge=0,
        description="lists that were shown, kept until a run brings them into the lake, of all "
        "workers together; 0: none, and so no click-through",
    )
    shadow: float = Field(
        0.0, ge=0, le=1, description="share of the lists that a challenger makes unseen; 0: none"
    )
    shadow_model: int | None = Field(
        None, ge=1, description="number of the challenger; null: the newest, where another is held"
    )
    otlp: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OTLP/HTTP endpoint for traces, http://host:4318/v1/traces; empty: none",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="origins whose pages may ask; empty: none"
    )
    shop_page: str = Field(
        "", description="folder of static pages shown at /shop/, such as examples/shop; empty: none"
    )


NOT_WATCHED = (
    "*_id", "*_us", "*_code", "*.path", "*.last_item*",
    "*.days_since_*", "*.total_*", "*.distinct_*", "*.active_days", "*.interaction_count",
    "user_*.n_*", "item_features.n_*", "category_features.n_*", "time_features.*", "item_pairs.*",
    "item_features.popularity",
)  # fmt: skip
"""Keys and moments; ages and totals, which grow whatever people do; a rank, which never drifts."""


class RetrainingSettings(Section):
    """When `recomart retrain --if-needed` trains; null: never for that reason."""

    max_age_days: float | None = Field(7.0, gt=0, description="age of the published model")
    new_events_share: float | None = Field(
        0.1, gt=0, description="events that came or went since, as a share of those it knows"
    )
    max_feature_psi: float | None = Field(
        0.25, gt=0, description="population stability index of any feature"
    )
    ignored_features: tuple[str, ...] = Field(
        NOT_WATCHED,
        description="features that are not watched, `view.feature`; `*` stands for any letters",
    )
    max_prediction_psi: float | None = Field(
        0.1, gt=0, description="the same of popularity, category, price, confidence in its lists"
    )
    max_quality_drop: float | None = Field(
        0.3, gt=0, lt=1, description="fall of the hit rate@10 on new events, as a share"
    )
    max_click_drop: float | None = Field(
        0.3, gt=0, lt=1, description="fall of the share of shown lists that are clicked, as a share"
    )
    sample_users: int = Field(500, gt=0, description="users whose lists are looked at; seeded")


class MonitoringSettings(Section):
    """What is kept and told of lists that were shown."""

    keep_days: int = Field(90, gt=0, description="how long the lake's newest version has them")
    days: int = Field(28, gt=0, description="the stretch that online quality is measured over")
    recent_days: int = Field(
        7, gt=0, description="the last part of it, which is held against the rest"
    )


class DashboardSettings(Section):
    """The web app; it listens on this machine alone."""

    port: int = Field(8501, ge=0, le=65_535, description="to listen on; 0: any that is free")
    api: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="the service that it asks for lists and metrics",
    )
    other_api: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="a second service, whose lists stand beside those of the first; empty: none",
    )
    key_file: str = Field(
        "", description="file with an API key of scope read, where the services want one"
    )


class Settings(Section):
    """The root."""

    project: str = Field("my-shop", description="name shown in reports")
    shops: dict[ShopName, str] = Field(
        default={},
        description="makes this the root of several shops: name → folder of the shop, with a "
        "recomart.yaml of its own. Beside it only `project` and `serving` are known",
    )
    paths: PathSettings = PathSettings()
    engine: EngineSettings = EngineSettings()
    sources: dict[str, Source] = Field(default={}, description="where data comes from, by name")
    quality: QualitySettings = QualitySettings()
    preparation: PreparationSettings = PreparationSettings()
    features: FeatureSettings = FeatureSettings()
    models: ModelSettings = ModelSettings()
    ranking: RankingSettings = RankingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    batch: BatchSettings = BatchSettings()
    tracking: TrackingSettings = TrackingSettings()
    versioning: VersioningSettings = VersioningSettings()
    lineage: LineageSettings = LineageSettings()
    orchestration: OrchestrationSettings = OrchestrationSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    serving: ServingSettings = ServingSettings()
    experiments: ExperimentSettings = ExperimentSettings()
    dashboard: DashboardSettings = DashboardSettings()
    stream: StreamSettings = StreamSettings()
