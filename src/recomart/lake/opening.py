"""From settings to a lake: a folder, or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.errors import SettingsError
from recomart.lake.lake import Lake
from recomart.lake.objects import LocalObjects
from recomart.lake.s3 import S3Objects
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from recomart.lake.objects import Objects
    from recomart.settings import Loaded


def open_lake(loaded: Loaded) -> Lake:
    """Open the lake that the settings name. Raises SettingsError, MissingExtraError."""
    return Lake(_objects(loaded))


def _objects(loaded: Loaded) -> Objects:
    """Open the place: another kind of place is a file with the verbs of `Objects`, and a line."""
    place = loaded.settings.paths.lake
    scheme = scheme_of(place)
    if scheme == "s3":
        return S3Objects(place, loaded.path(loaded.settings.paths.cache))
    if scheme:
        raise SettingsError(
            f"paths.lake {shown(place)!r} names a kind of place that is not known: {scheme}.",
            remedy="Name a folder, or s3://bucket/prefix.",
        )
    return LocalObjects(loaded.path(place))
