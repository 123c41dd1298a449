"""Versions stated anew, in the place of those that held somebody who is erased.

Under the lease. Every step may be done again: what is not yet done follows from the lake itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.lake.manifest import Parent, content_version
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from recomart.lake.lake import Lake
    from recomart.lake.manifest import FileEntry, Manifest


def everything(lake: Lake) -> Iterator[Manifest]:
    """Yield all versions of all data sets, the oldest of each first."""
    for name in lake.names():
        yield from lake.history(name)


def restate(
    lake: Lake,
    before: Manifest,
    files: Mapping[str, FileEntry],
    counts: Mapping[str, int],
    details: Mapping[str, JsonValue],
) -> Manifest:
    """Put a version with other files in the place of one; its number, key and run stay.

    Who looks for the old version finds this one: see `Manifest.stands_for`.
    """
    ordered = tuple(files[name] for name in sorted(files))
    after = before.model_copy(
        update={
            "files": ordered,
            "counts": dict(counts),
            "details": dict(details),
            "version": content_version(ordered, details),
            "replaces": (*before.replaces, before.version),
        }
    )
    lake.restate(after)
    return after


def relink(lake: Lake) -> int:
    """Let children name the versions that took the place of their parents; return how many."""
    manifests = list(everything(lake))
    now = {(one.name, old): one.version for one in manifests for old in one.replaces}
    n_changed = 0
    for one in manifests:
        known = [(p.name, now.get((p.name, p.version), p.version)) for p in one.parents]
        parents = tuple(Parent(name=name, version=version) for name, version in known)
        if parents != one.parents:
            lake.restate(one.model_copy(update={"parents": parents}))
            n_changed += 1
    return n_changed


def unnamed(lake: Lake) -> list[str]:
    """Return the keys of files that no version names: left by an erasure, or by a killed run."""
    named = {entry.key for one in everything(lake) for entry in one.files}
    return [
        key
        for layer in LAYERS
        for key in lake.objects.keys(layer)
        if key not in named and not _is_manifest(key)
    ]


def _is_manifest(key: str) -> bool:
    parts = key.split("/")
    return len(parts) == 4 and parts[2] == "manifests"  # as `Lake.names` knows them


def sweep(lake: Lake) -> int:
    """Delete what no version names, and work space; return how many files of the layers."""
    keys = unnamed(lake)
    for key in keys:
        lake.objects.delete(key)
    lake.objects.tidy()
    return len(keys)
