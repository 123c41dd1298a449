"""The record that proves a data set version: what it holds, from what, made by what."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, JsonValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Record(BaseModel, frozen=True, extra="forbid"):
    """Something written to a manifest."""


class FileEntry(Record):
    """One immutable file of a data set."""

    key: str = Field(description="where the bytes are, below the lake's root")
    partition: str = Field("", description="raw file, day or name; unique within the data set")
    bytes: int = Field(ge=0)
    rows: int = Field(ge=0, description="rows of a table; 0 where it is none")
    sha256: str
    made_by: str = Field("", description="hash of all that went into this partition")
    details: dict[str, JsonValue] = Field(default_factory=dict, description="facts on the file")


class Parent(Record):
    """A data set version that this one was made from."""

    name: str
    version: str


class Making(Record):
    """Who made a version, and of what kind: the same for all data sets of a stage's run."""

    key: str = Field(description="hash of stage code, settings and parents: equal means done")
    stage: str
    run_id: str
    settings_hash: str = ""
    code_version: str = ""


class Manifest(Making):
    """One committed version of a data set. No manifest, no data set."""

    name: str
    layer: str
    number: int = Field(ge=1, description="1, 2, 3, …; the latest is the current version")
    version: str = Field(description="hash of the content: same rows, same version")
    files: tuple[FileEntry, ...]
    columns: dict[str, str] = Field(default_factory=dict, description="column name to type")
    counts: dict[str, int] = Field(default_factory=dict, description="in, valid, quarantined, …")
    created_at: str
    parents: tuple[Parent, ...] = ()
    details: dict[str, JsonValue] = Field(default_factory=dict)
    replaces: tuple[str, ...] = Field(
        (), description="versions that stood here before somebody was erased, oldest first"
    )

    @property
    def rows(self) -> int:
        """Rows of all files together."""
        return sum(file.rows for file in self.files)

    def stands_for(self, version: str) -> bool:
        """Tell whether this is a version, or took its place when somebody was erased."""
        return version == self.version or version in self.replaces

    def by_partition(self) -> dict[str, FileEntry]:
        """Return the files by their partition."""
        return {file.partition: file for file in self.files}

    def as_parent(self) -> Parent:
        """Return the reference that a child's manifest keeps."""
        return Parent(name=self.name, version=self.version)


def hash_of(*parts: Any) -> str:
    """Return a short stable hash of JSON-able values; the order of keys does not matter."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def content_version(files: Iterable[FileEntry], details: Mapping[str, JsonValue]) -> str:
    """Return the version of a data set: a hash of its partitions' bytes and its details."""
    return hash_of(sorted((file.partition, file.sha256) for file in files), dict(details))
