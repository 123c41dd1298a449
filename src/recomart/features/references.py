"""Names of features, as people write them: ``view``, ``view.feature``, ``view.feature:v2``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import DefinitionError, NotFoundError
from recomart.features.registry import Entry, RegisteredFeature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from recomart.features.registry import Registry

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
VERSION = re.compile(r"v[1-9][0-9]{0,3}")
REFERENCE = re.compile(
    rf"(?P<view>{NAME.pattern})(\.(?P<feature>{NAME.pattern}))?(:(?P<version>{VERSION.pattern}))?"
)
TYPES = {
    "int64": "int64",
    "int": "int64",
    "integer": "int64",
    "float64": "float64",
    "float": "float64",
    "double": "float64",
    "numeric": "float64",
    "numerical": "float64",
    "string": "string",
    "str": "string",
    "text": "string",
    "categorical": "string",
    "boolean": "boolean",
    "bool": "boolean",
}
"""What people call a type → the type."""


@dataclass(frozen=True)
class FeatureReference:
    """A view, maybe one feature of it, maybe of one version."""

    view: str
    feature: str | None = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str, version: str | None = None) -> Self:
        """Read a name; `version` is for one that says none. Raises NotFoundError."""
        match = REFERENCE.fullmatch(text)
        if match is None or not (version is None or VERSION.fullmatch(version)):
            raise NotFoundError(
                f"{text!r}{f' {version!r}' if version else ''} is no name of a feature.",
                remedy="Write view, view.feature or view.feature:v2, in small letters; "
                "`recomart features list` shows them.",
            )
        return cls(match["view"], match["feature"], match["version"] or version)

    def column(self, entry: Entry, feature: str) -> str:
        """Return the column of a feature in a training set; a version that is said shows."""
        suffix = f"_{self.version}" if self.version else ""
        if entry.kind == "saved":
            return entry.name + suffix
        return f"{entry.name}{suffix}__{feature}"


def resolve(registry: Registry, reference: FeatureReference) -> tuple[Entry, tuple[str, ...]]:
    """Return the entry that a reference means, and its features. Raises NotFoundError."""
    entry = registry.get(reference.view, reference.version)
    names = tuple(feature.name for feature in entry.features)
    if reference.feature is None:
        return entry, names
    if reference.feature not in names:
        raise NotFoundError.of(f"feature of {entry.name!r}", reference.feature, names)
    return entry, (reference.feature,)


def full_name(entry: Entry, feature: str) -> str:
    """Return the name by which a feature is asked for."""
    return entry.name if entry.kind == "saved" else f"{entry.name}.{feature}"


def saved_entry(
    name: str, description: str, feature_type: str, source: str, transformation: str, version: str
) -> Entry:
    """Return the entry of a feature whose values are saved by its owner. Raises DefinitionError."""
    if not (NAME.fullmatch(name) and VERSION.fullmatch(version)):
        raise DefinitionError(
            f"A feature cannot be called {name!r}, version {version!r}.",
            remedy="Names are small letters, digits and _, 48 at most, and begin with a letter; "
            "versions are v1, v2, …",
        )
    dtype = TYPES.get(feature_type.lower())
    if dtype is None:
        raise DefinitionError(
            f"{feature_type!r} is no type of a feature.",
            remedy=f"Types are {', '.join(sorted(set(TYPES.values())))}; also {', '.join(TYPES)}.",
        )
    return Entry(
        name=name,
        version=version,
        kind="saved",
        keys={},
        features=(RegisteredFeature(name=name, dtype=dtype, description=description),),
        source=(source,),
        transformation=transformation,
        description=description,
    )


def composed_entry(
    name: str,
    version: str,
    keys: Sequence[str],
    members: Sequence[tuple[Entry, tuple[str, ...]]],
) -> Entry:
    """Return the entry of a view that is made of features of other entries."""
    chosen = [
        (member, feature)
        for member, names in members
        for feature in member.features
        if feature.name in names
    ]
    return Entry(
        name=name,
        version=version,
        kind="composed",
        keys=dict.fromkeys(keys, "string"),
        features=tuple(
            feature.model_copy(update={"name": full_name(member, feature.name)})
            for member, feature in chosen
        ),
        source=tuple(
            f"{full_name(member, feature.name)}:{member.version}" for member, feature in chosen
        ),
        transformation="its members side by side, each as of the moment of the row",
    )
