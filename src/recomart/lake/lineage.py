"""Where a version came from, and what was made of it: the parents in the manifests, as a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING

from recomart.vocabulary import layer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from recomart.lake.lake import Lake
    from recomart.lake.manifest import FileEntry, Manifest, Parent


@dataclass(frozen=True)
class Node:
    """A version in a lineage.

    key       ``events#3``; ``events@<version>`` of one that the lake does not have (any more)
    manifest  none where the lake does not have it
    """

    key: str
    name: str
    version: str
    manifest: Manifest | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Node:
        """Return the node of a version that is there."""
        key = f"{manifest.name}#{manifest.number}"
        return cls(key, manifest.name, manifest.version, manifest)

    @classmethod
    def missing(cls, parent: Parent) -> Node:
        """Return the node of a version that is not there."""
        return cls(f"{parent.name}@{parent.version}", parent.name, parent.version)

    @property
    def layer(self) -> str:
        """The layer in which it lives, or lived."""
        return layer_of(self.name)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files as they came in, of raw data; none of what was made from others."""
        return self.manifest.files if self.manifest and self.layer == "raw" else ()

    def as_record(self) -> dict[str, object]:
        """Return what is said of it to programs."""
        there = self.manifest
        return {
            "key": self.key,
            "name": self.name,
            "version": self.version,
            "layer": self.layer,
            "is_in_the_lake": there is not None,
            "number": there and there.number,
            "rows": there and there.rows,
            "stage": there and there.stage,
            "run_id": there and there.run_id,
            "code_version": there and there.code_version,
            "settings_hash": there and there.settings_hash,
            "created_at": there and there.created_at,
            "files": [
                {"name": f.partition, "rows": f.rows, "bytes": f.bytes, "sha256": f.sha256}
                for f in self.files
            ],
        }


@dataclass
class Lineage:
    """Versions and which was made from which.

    roots  keys of what was asked about
    nodes  by key, in the order in which they were met
    edges  (key of a parent, key of its child), each once
    """

    roots: tuple[str, ...]
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)

    def parents(self, key: str) -> list[Node]:
        """Return what a version was made from."""
        return [self.nodes[parent] for parent, child in self.edges if child == key]

    def children(self, key: str) -> list[Node]:
        """Return what was made from a version."""
        return [self.nodes[child] for parent, child in self.edges if parent == key]

    def as_record(self) -> dict[str, object]:
        """Return the whole of it for programs."""
        return {
            "roots": list(self.roots),
            "nodes": [node.as_record() for node in self.nodes.values()],
            "edges": [{"from": parent, "to": child} for parent, child in self.edges],
        }


class Versions:
    """The manifests of a lake, each read once, and only when it is needed."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._known: dict[str, tuple[list[Manifest], Iterator[Manifest]]] = {}

    def newest_first(self, name: str) -> Iterator[Manifest]:
        """Yield the versions of a data set."""
        if name not in self._known:
            self._known[name] = ([], self.lake.newest_first(name))
        read, rest = self._known[name]
        for place in count():
            if place == len(read):
                read += islice(rest, 1)
            if place == len(read):
                return
            yield read[place]

    def find(self, name: str, version: str, until: str = "") -> Manifest | None:
        """Return the newest manifest of a version, of those that were there at a moment.

        The same content may have been committed more than once.
        """
        same = (m for m in self.newest_first(name) if m.stands_for(version))
        return next((m for m in same if not until or m.created_at <= until), None)

    def parents_of(self, child: Manifest) -> list[Node]:
        """Return what a version was made from, whether it is there or not."""
        return [self._parent(parent, child) for parent in child.parents]

    def _parent(self, parent: Parent, child: Manifest) -> Node:
        found = self.find(parent.name, parent.version, child.created_at)
        found = found or self.find(parent.name, parent.version)  # a clock was set back
        return Node.of(found) if found else Node.missing(parent)

    def everything(self) -> Iterator[Manifest]:
        """Yield all versions of all data sets."""
        for name in self.lake.names():
            yield from self.newest_first(name)


def ancestry(versions: Versions, of: Iterable[Manifest]) -> Lineage:
    """Return what versions were made from, up to the raw files."""
    found = [Node.of(manifest) for manifest in of]
    lineage = Lineage(tuple(dict.fromkeys(node.key for node in found)))
    waiting = found[::-1]
    while waiting:
        node = waiting.pop()
        if node.key in lineage.nodes:
            continue
        lineage.nodes[node.key] = node
        parents = versions.parents_of(node.manifest) if node.manifest else []
        lineage.edges |= {(parent.key, node.key): None for parent in parents}
        waiting += parents[::-1]
    return lineage


def descent(versions: Versions, of: Manifest) -> Lineage:
    """Return what was made from a version, and from that; every manifest of the lake is read."""
    made: dict[str, list[Node]] = {}
    for manifest in versions.everything():
        for parent in versions.parents_of(manifest):
            made.setdefault(parent.key, []).append(Node.of(manifest))
    root = Node.of(of)
    lineage = Lineage((root.key,))
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.key in lineage.nodes:
            continue
        lineage.nodes[node.key] = node
        children = made.get(node.key, [])
        lineage.edges |= {(node.key, child.key): None for child in children}
        waiting += children[::-1]
    return lineage
