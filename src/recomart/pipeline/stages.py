"""The stages: what each reads and writes. Their order follows from that alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from recomart import __version__
from recomart.errors import NotFoundError
from recomart.features.names import VIEW_FILES
from recomart.lake import hash_of, sha256_of
from recomart.vocabulary import FIRST_VERSION, dataset_of_view

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from recomart.lake import Workbench
    from recomart.settings import Settings


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline.

    function  where its code is, ``module:name``; a function of one Workbench
    log       name of its log file
    reads     data sets; ``*`` stands for the name of each source, model or feature view
    writes    the same
    settings  branches of the settings that change its result
    uses      further rooms whose code decides its result
    libraries  optional ones whose presence and version decide its result
    always    it knows better than the runner whether there is anything to do
    part      of the pipeline: what prepares data, and what learns from it
    looks_back  data sets of earlier runs whose manifests its result depends on, though a change of
              them alone is no reason to do it again
    """

    name: str
    says: str
    function: str
    log: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    always: bool = False
    part: Literal["data_processing", "model_training"] = "data_processing"
    looks_back: tuple[str, ...] = ()

    def load(self) -> Callable[[Workbench], None]:
        """Import the function; only now, so that a door stays light."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]

    def code_version(self) -> str:
        """Return a hash of the code that decides its result: its room, and those it uses."""
        room = self.function.partition(":")[0].split(".")[1]
        rooms = (room, "engines", "vocabulary", *self.uses)
        versions = [version_of(library) for library in self.libraries]
        return hash_of(__version__, *(_code_of(name) for name in rooms), *versions)

    def settings_hash(self, settings: Settings) -> str:
        """Return a hash of the settings that change its result."""
        tree = settings.model_dump(mode="json")
        tree["sources"] = {name: source.meaning() for name, source in settings.sources.items()}
        return hash_of({branch: tree[branch] for branch in self.settings})


STAGES = (
    Stage(
        name="ingest",
        says="bring in what is new, byte for byte",
        function="recomart.sources.stage:ingest",
        log="ingestion",
        writes=("raw_*source",),
        settings=("sources",),
        always=True,
    ),
    Stage(
        name="drain",
        says="bring in the lists that were shown",
        function="recomart.sources.exposures:drain",
        log="ingestion",
        writes=("exposures",),
        settings=("monitoring",),
        uses=("events",),
        always=True,
    ),
    Stage(
        name="validate",
        says="hold rows to their contract; quarantine the others",
        function="recomart.quality.stage:validate",
        log="validation",
        reads=("raw_*source",),
        writes=("valid_*source", "quarantined_*source"),
        settings=("sources", "quality"),
    ),
    Stage(
        name="quality_report",
        says="profile, score and report the data's quality",
        function="recomart.quality.report:quality_report",
        log="validation",
        reads=("valid_*source", "quarantined_*source"),
        writes=("quality",),
        looks_back=("quality",),
        settings=("sources", "project"),
        uses=("pages",),
    ),
    Stage(
        name="prepare",
        says="clean, enrich as of the event, find sessions",
        function="recomart.preparation.stage:prepare",
        log="preparation",
        reads=("valid_*source",),
        writes=("events", "item_history", "catalogue", "categories"),
        settings=("sources", "preparation"),
    ),
    Stage(
        name="explore",
        says="figures and pictures of the prepared data",
        function="recomart.preparation.explore:explore",
        log="preparation",
        reads=("events", "catalogue", "categories"),
        writes=("exploration",),
        settings=("preparation", "project"),
        uses=("pages",),
    ),
    Stage(
        name="build_features",
        says="user, item, session and other features as of now",
        function="recomart.features.stage:build_features",
        log="features",
        reads=("events", "categories", "item_history"),
        writes=("encoders", "*view"),
        settings=("features",),
    ),
    Stage(
        name="load_warehouse",
        says="features into the warehouse, for SQL",
        function="recomart.features.warehouse:load_warehouse",
        log="features",
        reads=("*view",),
        settings=("paths",),
        always=True,
    ),
    Stage(
        name="materialise",
        says="features into the online store, for look-ups by key",
        function="recomart.features.online.materialise:materialise",
        log="features",
        reads=("*view",),
        settings=("paths",),
        always=True,
    ),
    Stage(
        name="registry_page",
        says="the features, as a page to read",
        function="recomart.features.registry_page:registry_page",
        log="features",
        reads=("*view",),
        writes=("feature_page",),
        settings=("features", "project"),
        uses=("pages",),
    ),
    Stage(
        name="training_rows",
        says="candidates for a ranker, with features as they were known at the moment",
        function="recomart.ranking.rows:training_rows",
        log="training",
        reads=("events", "catalogue", "categories", "item_history", "*view"),
        writes=("training_rows",),
        settings=("ranking", "models", "evaluation", "features"),
        uses=("features", "models"),
        part="model_training",
    ),
    Stage(
        name="train_ranker",
        says="fit the ranker, and calibrate confidence",
        function="recomart.ranking.learning:train_ranker",
        log="training",
        reads=("training_rows",),
        writes=("ranker",),
        settings=("ranking", "evaluation"),
        libraries=("catboost",),
        part="model_training",
    ),
    Stage(
        name="train",
        says="fit every model on what was known before the test window",
        function="recomart.ranking.training:train",
        log="training",
        reads=("events", "catalogue", "categories", "item_history"),
        writes=("id_map", "model_*model"),
        settings=("models", "evaluation"),
        uses=("models",),
        part="model_training",
    ),
    Stage(
        name="evaluate",
        says="compare the models on the test window, and decide what serves",
        function="recomart.evaluation.stage:evaluate_models",
        log="evaluation",
        reads=("events", "catalogue", "item_history", "id_map", "ranker", "*view", "model_*model"),
        writes=("evaluation",),
        looks_back=("published_model", "hold"),
        settings=("evaluation", "models", "ranking", "features", "project"),
        uses=("features", "models", "pages", "ranking"),
        part="model_training",
    ),
    Stage(
        name="publish",
        says="fit what is to be served on everything known",
        function="recomart.ranking.publishing:publish",
        log="training",
        reads=("events", "catalogue", "categories", "item_history", "ranker", "evaluation"),
        writes=("published_model",),
        settings=("models", "ranking", "evaluation", "features"),
        uses=("models",),
        part="model_training",
    ),
)


def in_order(stages: Iterable[Stage] = STAGES) -> list[Stage]:
    """Sort so that what a stage reads is written before. Raises graphlib.CycleError.

    Stages that could run in any order keep the order of the table.
    """
    table = list(stages)
    writer = {dataset: stage for stage in table for dataset in stage.writes}
    graph = {s: {writer[name] for name in s.reads if name in writer} for s in table}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[Stage] = []
    ordered: list[Stage] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=table.index)
        ordered.append(ready.pop(0))
        sorter.done(ordered[-1])
    return ordered


def chosen(names: Collection[str]) -> list[Stage]:
    """Return the stages named, or all, in order. Raises NotFoundError."""
    order = in_order()
    known = [stage.name for stage in order]
    for name in names:
        if name not in known:
            raise NotFoundError.of("stage", name, known)
    return [stage for stage in order if not names or stage.name in names]


def expand(names: Iterable[str], settings: Settings) -> list[str]:
    """Put the names of sources, models and views for ``*source``, ``*model`` and ``*view``."""
    stars: Mapping[str, Iterable[str]] = {
        "*source": settings.sources,
        "*model": settings.models.train,
        "*view": _views(settings),
    }
    found = []
    for name in names:
        stem, star, kind = name.partition("*")
        found += [stem + word for word in stars[star + kind]] if star else [name]
    return found


def _views(settings: Settings) -> list[str]:
    """Return the data sets of the feature views of a shop."""
    features = settings.features
    ours = [(name, features.versions.get(name, FIRST_VERSION)) for name in VIEW_FILES]
    declared = [(name, view.version) for name, view in features.views.items()]
    return [dataset_of_view(name, version) for name, version in (*ours, *declared)]


def version_of(library: str) -> str:
    """Return the version of an installed library, empty where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


@cache
def _code_of(room: str) -> str:
    """Return a hash of the source files and templates of a room (or of a single module)."""
    spec = find_spec(f"recomart.{room}")
    if spec is None or spec.origin is None:
        return room
    origin = Path(spec.origin)
    files = [origin]
    if origin.name == "__init__.py":
        files = sorted(f for f in origin.parent.rglob("*") if f.suffix in {".py", ".j2"})
    return hash_of([sha256_of(file) for file in files])
