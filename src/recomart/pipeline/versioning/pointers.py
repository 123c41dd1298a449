"""Pointers: the small files in git that name the bytes which DVC keeps; and commits of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from recomart.errors import NotFoundError, VersioningError
from recomart.pipeline.versioning.shop import COMMITTED, NAMES, POINTERS, relative

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from recomart.pipeline.git import Commit
    from recomart.pipeline.versioning.shop import Shop

SHORT = 10


@dataclass(frozen=True)
class Pointer:
    """What one layer, or the warehouse, held: the hash that DVC keeps it by, and how much it is."""

    md5: str
    bytes: int
    files: int
    text: str


@dataclass(frozen=True)
class Snapshot:
    """A commit, and the pointers that stood in it, by layer."""

    revision: str
    at: str
    message: str
    pointers: Mapping[str, Pointer]

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each layer."""
        return {name: pointer.md5 for name, pointer in self.pointers.items()}


def begin_pointers(shop: Shop) -> list[str]:
    """See that what exists has a pointer, and nothing else; return the names of what exists.

    A pointer that was only begun names no bytes until they are kept.
    """
    shop.pointers.mkdir(exist_ok=True)
    for name in NAMES:
        pointer, data = shop.pointer(name), shop.data(name)
        begun: dict[str, Any] = {"outs": [{"path": data.name, "hash": "md5"}]}
        if data.parent != shop.pointers:
            begun["wdir"] = relative(data.parent, shop.pointers)
        if not data.exists():
            pointer.unlink(missing_ok=True)
        elif not pointer.exists() or _tree(pointer).get("wdir") != begun.get("wdir"):
            pointer.write_text(yaml.safe_dump(begun), encoding="utf-8")
    return [name for name in NAMES if shop.data(name).exists()]


def _tree(pointer: Path) -> dict[str, Any]:
    """Read a pointer's tree; an empty one where it is broken, by a merge for example."""
    try:
        tree = yaml.safe_load(pointer.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def put_pointers(shop: Shop, snapshot: Snapshot) -> None:
    """Write the pointers as they stood in a snapshot."""
    shop.pointers.mkdir(exist_ok=True)
    for name in NAMES:
        pointer = snapshot.pointers.get(name)
        if pointer is None:
            shop.pointer(name).unlink(missing_ok=True)
        else:
            shop.pointer(name).write_text(pointer.text, encoding="utf-8")


def history(shop: Shop, *, everywhere: bool = False) -> list[Snapshot]:
    """Return the snapshots, newest first: those of HEAD, or of every branch."""
    return _with_pointers(shop, shop.git.log(COMMITTED[:1], everywhere=everywhere))


def snapshot_at(shop: Shop, revision: str) -> Snapshot:
    """Return what the pointers say at a revision, by any name of git's. Raises NotFoundError."""
    commit = shop.git.find(revision)
    found = _with_pointers(shop, [commit], strict=True) if commit else []
    if not found:
        known = [one.revision[:SHORT] for one in history(shop)]
        raise NotFoundError.of("snapshot", revision, known)
    return found[0]


def in_work_tree(shop: Shop) -> dict[str, str]:
    """Return the hashes that the pointers name now, committed or not."""
    there = [name for name in NAMES if shop.pointer(name).is_file()]
    texts = {name: shop.pointer(name).read_text(encoding="utf-8") for name in there}
    return {name: pointer.md5 for name in there if (pointer := _read(texts[name], "work tree"))}


def _with_pointers(
    shop: Shop, commits: Iterable[Commit], *, strict: bool = False
) -> list[Snapshot]:
    asked = [(commit, name) for commit in commits for name in NAMES]
    texts = shop.git.read([(c.revision, f"{POINTERS}/{name}.dvc") for c, name in asked])
    found: dict[Commit, dict[str, Pointer]] = {}
    for (commit, name), text in zip(asked, texts, strict=True):
        pointer = _read(text, commit.revision[:SHORT], strict=strict) if text else None
        if pointer:
            found.setdefault(commit, {})[name] = pointer
    return [Snapshot(c.revision, c.at, c.message, pointers) for c, pointers in found.items()]


def _read(text: str, where: str, *, strict: bool = False) -> Pointer | None:
    """Read a pointer; None where it was begun and never filled, or is broken and may be."""
    try:
        out = yaml.safe_load(text)["outs"][0]
        if "md5" not in out:
            return None
        return Pointer(str(out["md5"]), int(out["size"]), int(out.get("nfiles", 1)), text)
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        if not strict:
            return None
        raise VersioningError(
            f"A pointer in {POINTERS}/ ({where}) cannot be read as one.",
            remedy="Resolve the merge that left it so, or take it from another commit.",
        ) from None
