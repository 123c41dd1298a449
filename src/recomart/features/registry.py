"""The registry: what each version of each feature view is, kept as a data set of its own.

One JSON file a view and version. What is written once stays as it was: a definition that
changed under the same version is refused, so that a version means the same for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import unified_diff
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import ibis
from pydantic import BaseModel, Field, ValidationError

from recomart.errors import DefinitionError, IntegrityError, NotFoundError
from recomart.features.definition import CATEGORIES, HISTORY, SEEN, Inputs, known_before
from recomart.lake import Draft, Making, hash_of
from recomart.vocabulary import dataset_of_view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibis.expr.types import Table

    from recomart.features.definition import FeatureView
    from recomart.lake import Lake, Manifest
    from recomart.settings import FeatureSettings

DATASET = "feature_registry"
MOMENT_US = 1_111_111_111_111_111
"""Stands for the moment while SQL is written; shown as ``:at_us``."""


class RegisteredFeature(BaseModel, frozen=True, extra="forbid"):
    """A feature as the registry knows it."""

    name: str
    dtype: str
    description: str = ""
    window_days: int | None = None


class Entry(BaseModel, frozen=True, extra="forbid"):
    """One version of one feature view."""

    format: Literal[1] = 1
    name: str
    version: str
    kind: Literal["computed", "saved", "composed"] = Field(
        description="computed from events; saved by somebody; composed of other features"
    )
    keys: dict[str, str] = Field(description="join key columns and their types")
    features: tuple[RegisteredFeature, ...]
    source: tuple[str, ...] = Field(description="data sets, or whoever saves it")
    transformation: str = Field(description="the SQL that runs, or what its author says")
    description: str = ""
    owner: str = ""
    fresh_days: float | None = None

    @property
    def dataset(self) -> str:
        """The data set that holds its values."""
        return dataset_of_view(self.name, self.version)

    @property
    def entity(self) -> str:
        """What it is about, such as ``user, item``."""
        return ", ".join(key.removesuffix("_id") for key in self.keys)

    @property
    def fingerprint(self) -> str:
        """A hash of what decides the values; words of description are free to change."""
        types = [(feature.name, feature.dtype) for feature in self.features]
        return hash_of(self.kind, self.keys, types, self.source, self.transformation)


@dataclass(frozen=True)
class Registered:
    """An entry, and since when it is registered."""

    entry: Entry
    created_at: str


class Registry:
    """Reads what is registered in a lake, and adds to it."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def all(self) -> list[Registered]:
        """Return every version of every view, by name and version, oldest version first."""
        manifests = self.lake.history(DATASET)
        if not manifests:
            return []
        since: dict[str, str] = {}
        for manifest in manifests:
            for partition in manifest.by_partition():
                since.setdefault(partition, manifest.created_at)
        found = [
            Registered(_entry(self.lake, manifests[-1], partition), since[partition])
            for partition in manifests[-1].by_partition()
        ]
        return sorted(found, key=lambda one: (one.entry.name, number_of(one.entry.version)))

    def versions(self, name: str) -> list[Registered]:
        """Return the versions of a view, oldest first. Raises NotFoundError."""
        everything = self.all()
        found = [one for one in everything if one.entry.name == name]
        if not found:
            known = {one.entry.name for one in everything}
            raise NotFoundError.of("registered feature view", name, known)
        return found

    def get(self, name: str, version: str | None = None) -> Entry:
        """Return a version of a view, the newest by default. Raises NotFoundError."""
        found = {one.entry.version: one.entry for one in self.versions(name)}
        if version is None:
            return list(found.values())[-1]
        if version not in found:
            raise NotFoundError.of(f"version of {name!r}", version, found)
        return found[version]

    def record(self, entries: Iterable[Entry], making: Making) -> None:
        """Register entries; those that are there already stay as they are.

        Raises DefinitionError, and registers nothing, where one has changed under its version.
        """
        known = {(one.entry.name, one.entry.version): one.entry for one in self.all()}
        new = []
        for entry in entries:
            there = known.get((entry.name, entry.version))
            if there is None:
                new.append(entry)
            elif there.fingerprint != entry.fingerprint:
                raise changed(there, entry)
        if not new:
            return
        draft = Draft(self.lake, DATASET)
        current = self.lake.find(DATASET)
        for file in current.files if current else ():
            draft.keep(file)
        for entry in new:
            body = entry.model_dump_json(indent=1).encode()
            draft.add_bytes(f"{entry.name}/{entry.version}.json", body)
        draft.commit(making)


def describe(view: FeatureView, settings: FeatureSettings) -> Entry:
    """Return a view as an entry, with the SQL that DuckDB runs for it."""
    return Entry(
        name=view.name,
        version=view.version,
        kind="computed",
        keys=dict(view.keys),
        features=tuple(
            RegisteredFeature(
                name=feature.name,
                dtype=feature.dtype,
                description=feature.says,
                window_days=feature.window_days,
            )
            for feature in view.features(settings)
        ),
        source=view.source,
        transformation=sql_of(view, settings),
        description=view.says,
        owner=view.owner,
        fresh_days=view.fresh_days,
    )


@dataclass(frozen=True)
class _Definition:
    """A view under settings; `same` tells whether two are written alike."""

    view: FeatureView = field(compare=False)
    settings: FeatureSettings = field(compare=False)
    same: tuple[object, ...]


def sql_of(view: FeatureView, settings: FeatureSettings) -> str:
    """Return the SQL of a view, over the data sets by their names, as of ``:at_us``."""
    same = (view.of, view.features, tuple(view.keys.items()), settings.model_dump_json())
    return _written(_Definition(view, settings, same))


@lru_cache(maxsize=64)
def _written(definition: _Definition) -> str:
    """Write the SQL of a definition, which takes a tenth of a second."""
    expression = expression_of(definition.view, definition.settings)
    text = str(ibis.to_sql(expression, dialect="duckdb"))
    return text.replace(f"CAST({MOMENT_US} AS BIGINT)", ":at_us").replace(str(MOMENT_US), ":at_us")


def expression_of(view: FeatureView, settings: FeatureSettings) -> Table:
    """Return the expression of a view over data sets by their names, as of `MOMENT_US`."""
    events = ibis.table(SEEN, name="events")
    inputs = Inputs(
        events=known_before(events, MOMENT_US),
        categories=ibis.table(CATEGORIES, name="categories"),
        history=ibis.table(HISTORY, name="item_history"),
        at_us=MOMENT_US,
        settings=settings,
    )
    return view.table(inputs)


def changed(there: Entry, now: Entry) -> DefinitionError:
    """Say that a definition changed under its version, in what, and how to go on."""
    what = _decisive(there, now)
    following = f"v{number_of(now.version) + 1}"
    return DefinitionError(
        f"The definition of {now.name!r} changed, but its version is still {now.version}: "
        f"{'; '.join(what[:3])}.",
        remedy=f"Give it version {following} (`features.versions.{now.name}: {following}`, in "
        "feature_store.yaml, or where it is declared), or take the change back.",
    )


def difference(one: Entry, other: Entry) -> list[str]:
    """Say in words what differs between two versions."""
    return [*_decisive(one, other), *_told(one, other, ("owner", "description", "fresh_days"))]


def _decisive(one: Entry, other: Entry) -> list[str]:
    """Say what differs of that which decides the values."""
    mine = {feature.name: feature for feature in one.features}
    its = {feature.name: feature for feature in other.features}
    found = [f"feature {name} added ({its[name].dtype})" for name in its if name not in mine]
    found += [f"feature {name} removed" for name in mine if name not in its]
    found += [
        f"feature {name} is {its[name].dtype}, was {mine[name].dtype}"
        for name in its
        if name in mine and its[name].dtype != mine[name].dtype
    ]
    found += _told(one, other, ("kind", "keys", "source"))
    if one.transformation != other.transformation:
        found.append("its transformation differs")
    return found


def _told(one: Entry, other: Entry, names: Iterable[str]) -> list[str]:
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in names]
    return [
        f"{name} is {_plain(after)}, was {_plain(before)}"
        for name, before, after in pairs
        if before != after
    ]


def sql_difference(one: Entry, other: Entry) -> str:
    """Return the lines of SQL that differ, as a unified diff."""
    lines = unified_diff(
        one.transformation.splitlines(),
        other.transformation.splitlines(),
        f"{one.name} {one.version}",
        f"{other.name} {other.version}",
        lineterm="",
        n=2,
    )
    return "\n".join(lines)


def number_of(version: str) -> int:
    """Return 12 for ``v12``; versions sort by it."""
    return int(version[1:])


def _entry(lake: Lake, manifest: Manifest, partition: str) -> Entry:
    [path] = lake.paths([manifest.by_partition()[partition]])
    try:
        return Entry.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise IntegrityError(
            f"The registry's {partition!r} cannot be read: {error.error_count()} fault(s).",
            remedy="It was written by another release of RecoMart; use that one, or newer.",
        ) from None


def _plain(value: object) -> str:
    if isinstance(value, dict | tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value) or "nothing"
