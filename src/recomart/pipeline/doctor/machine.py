"""Checks of the machine: Python, libraries, programs."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from recomart import __version__
from recomart.errors import MissingExtraError, MissingToolError, UnavailableError
from recomart.pipeline.doctor.finding import Finding
from recomart.settings.places import scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recomart.pipeline.doctor.finding import Subject
    from recomart.settings import Settings

NEEDED = ("ibis-framework", "duckdb", "pyarrow", "numpy", "scipy", "pydantic", "adbc-driver-sqlite")
OLDEST = (3, 10)
POSTGRES, REDIS = ("postgresql", "postgres"), ("redis", "rediss", "unix")


def asks_postgres(settings: Settings) -> bool:
    """Tell whether settings name a PostgreSQL."""
    places = (settings.paths.warehouse, settings.paths.online)
    return settings.engine.kind == "postgres" or any(scheme_of(p) in POSTGRES for p in places)


EXTRAS: dict[str, tuple[str, Callable[[Settings], bool]]] = {
    "rank": ("catboost", lambda s: s.models.serve == "cascade"),
    "serve": ("fastapi", lambda _: False),
    "tracking": ("mlflow", lambda s: s.tracking.is_on and s.tracking.uri.startswith("http")),
    "s3": ("boto3", lambda s: bool(scheme_of(s.paths.lake))),
    "redis": ("redis", lambda s: scheme_of(s.paths.online) in REDIS),
    "postgres": ("psycopg", asks_postgres),
    "spark": ("pyspark", lambda s: s.engine.kind == "spark"),
    "deep": ("torch", lambda s: not {"twotower", "sasrec"}.isdisjoint(s.models.train)),
    "versioning": ("dvc", lambda s: s.versioning.every_run),
    "lineage": ("openlineage-python", lambda s: bool(s.lineage.url)),
    "otel": ("opentelemetry-sdk", lambda s: bool(s.serving.otlp)),
}
"""Extra → its library, and whether settings cannot do without it."""


def python() -> Iterator[Finding]:
    """Look at Python and RecoMart."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        raise UnavailableError(
            f"Python {found} is too old.", remedy="Install Python 3.10 or newer."
        )
    yield Finding("python", ok=True, found=f"{found}, RecoMart {__version__}")


def libraries() -> Iterator[Finding]:
    """Look whether what cannot be done without is installed."""
    missing = [name for name in NEEDED if _version(name) is None]
    for name in missing:
        cause = f"The library {name} is not installed."
        error = UnavailableError(cause, remedy=f"Run `pip install {name}`.")
        yield Finding.wrong(f"library {name}", error)
    if not missing:
        found = ", ".join(f"{name} {_version(name)}" for name in NEEDED)
        yield Finding("libraries", ok=True, found=found)


def extras(subject: Subject) -> Iterator[Finding]:
    """Look which optional libraries are there, and whether one is missing that settings name."""
    settings = subject.loaded.settings
    there = {extra: _version(library) for extra, (library, _) in EXTRAS.items()}
    for extra, (library, is_needed) in EXTRAS.items():
        if there[extra] is None and is_needed(settings):
            yield Finding.wrong(f"extra {extra}", MissingExtraError(library, extra))
    installed = ", ".join(extra for extra, found in there.items() if found) or "none"
    others = ", ".join(extra for extra, found in there.items() if not found)
    yield Finding(
        "extras", ok=True, found=installed + (f"; not installed: {others}" * bool(others))
    )


def programs(subject: Subject) -> Iterator[Finding]:
    """Look for programs that settings cannot do without."""
    settings = subject.loaded.settings
    wanted = {
        "java": ("engine.kind: spark", settings.engine.kind == "spark"),
        "git": ("versioning.every_run", settings.versioning.every_run),
    }
    for program, (needed_for, is_needed) in wanted.items():
        place = shutil.which(program)
        if is_needed and place is None:
            yield Finding.wrong(f"program {program}", MissingToolError(program, needed_for))
        elif is_needed:
            yield Finding(f"program {program}", ok=True, found=str(place))


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
