"""Reaching MLflow: where it is, with patience that ends, and without its noise."""

from __future__ import annotations

import logging
import math
import os
import warnings
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.errors import MissingExtraError, SettingsError, StoreUnavailableError
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

    from recomart.settings import Loaded

SQLITE = "sqlite:///"
ARTEFACTS = "mlartifacts"
"""Folder beside recomart.yaml for the artefacts of a tracking file; a server has its own place."""


def place_of(loaded: Loaded) -> str:
    """Return where MLflow is, with an SQLite file made absolute. Raises SettingsError."""
    uri = loaded.settings.tracking.uri
    if uri.startswith(SQLITE):
        return f"{SQLITE}{loaded.path(uri.removeprefix(SQLITE))}"
    if scheme_of(uri) in ("http", "https"):
        return uri
    raise SettingsError(
        f"tracking.uri {shown(uri)!r} is neither a tracking server nor an SQLite file.",
        remedy="Name http://host:port, https://… or sqlite:///mlflow.db.",
    )


def artefacts_of(loaded: Loaded) -> str | None:
    """Return where artefacts go; None where the server decides."""
    if loaded.settings.tracking.uri.startswith(SQLITE):
        return Path(loaded.path(ARTEFACTS)).as_uri()
    return None


@contextmanager
def connected(loaded: Loaded) -> Iterator[MlflowClient]:
    """Give a client of the MLflow that the settings name.

    Raises MissingExtraError without the library, StoreUnavailableError where MLflow is down, slow
    or refuses.
    """
    place = place_of(loaded)
    patience = math.ceil(loaded.settings.tracking.timeout_s)
    with _environment(patience), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about itself
        try:
            import_module("mlflow.pyfunc")  # without pandas half the library comes; this not
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError:
            raise MissingExtraError("MLflow", "tracking") from None
        try:
            with _silence():
                yield MlflowClient(tracking_uri=place, registry_uri=place)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise StoreUnavailableError(f"MLflow at {shown(place)}", _cause(error)) from None


def _cause(error: BaseException) -> str:
    """Return what lies at the bottom of it: the library wraps a refused connection five times."""
    while error.__context__ is not None and str(error.__context__):
        error = error.__context__
    return shown(str(error))


@contextmanager
def _environment(patience: int) -> Iterator[None]:
    """Say to MLflow what it takes from the environment alone, and take it back.

    It does not try again by itself: a request whose answer was lost may have been carried out,
    so what it asked for is looked up first.
    """
    wanted = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(patience),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what MLflow logs of its database to itself."""
    logger = logging.getLogger("mlflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
