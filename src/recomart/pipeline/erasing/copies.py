"""Copies without somebody: reports, packed models in MLflow's folder, files of sources, DVC."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from recomart.lake import Found, Lake, LocalObjects, replace_file
from recomart.pipeline.erasing.kinds import Somebody
from recomart.pipeline.erasing.lake import LakePlace
from recomart.pipeline.erasing.raw import rows_in, write_without
from recomart.pipeline.erasing.reports import NAMES, scrub
from recomart.pipeline.erasing.whose import Whose
from recomart.settings import CsvSource, EventLogSource
from recomart.settings.places import scheme_of, shown
from recomart.sources.files import PACKED, find_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.settings import Loaded

PACKAGE = "package.json"
"""Beside a small lake that MLflow keeps: the hash of each of its manifests."""
SERVER_ARTEFACTS = "mlartifacts"


class ReportsPlace:
    """Reports as they lie for people to open, wherever in some folders."""

    def __init__(self, folders: list[Path], who: Somebody, root: Path) -> None:
        self.folders = folders
        self.who = who
        self.root = root
        self.name = "reports"

    def find(self) -> list[Found]:
        """Tell which pages name them."""
        return [
            Found(place=self.name, what=_within(path, self.root), rows=n)
            for path, _, n in self._changed()
        ]

    def erase(self) -> None:
        """Write these pages without them."""
        for path, body, _ in self._changed():
            _write(path, body)

    def _changed(self) -> Iterator[tuple[Path, bytes, int]]:
        beside = {path.parent for folder in self.folders for n in NAMES for path in folder.rglob(n)}
        for folder in sorted(beside):
            bodies = {n: (folder / n).read_bytes() for n in NAMES if (folder / n).is_file()}
            found = scrub(bodies, self.who.user_id, self.who.is_raw_row)
            yield from ((folder / name, body, n) for name, (body, n) in found.items())


class PackedPlace:
    """Published models that MLflow keeps in the shop's folder: each a small lake of its own."""

    def __init__(self, folders: list[Path], who: Somebody, root: Path) -> None:
        self.name = "MLflow"
        self.packages = sorted(p for folder in folders for p in folder.rglob(PACKAGE))
        self.lakes = []
        for package in self.packages:
            lake = Lake(LocalObjects(package.parent))
            packed = Somebody(lake, who.settings, who.user_id, home=who)
            self.lakes.append(LakePlace(packed, f"MLflow {_within(package.parent, root)}"))

    def find(self) -> list[Found]:
        """Tell which of them hold somebody."""
        return [found for lake in self.lakes for found in lake.find()]

    def erase(self) -> None:
        """Erase them there, and note what the manifests are now."""
        for package, lake in zip(self.packages, self.lakes, strict=True):
            lake.erase()
            known = json.loads(package.read_bytes())
            now = {key: hashlib.sha256(lake.lake.objects.get(key)).hexdigest() for key in known}
            if now != known:
                _write(package, json.dumps(now, indent=1).encode())


class SourcesPlace:
    """Files of sources. Those in the shop's folder are written anew; others are the user's."""

    def __init__(self, loaded: Loaded, user_id: str) -> None:
        self.name = "source"
        self.loaded = loaded
        self.user_id = user_id

    def find(self) -> list[Found]:
        """Tell which files in the shop's folder hold them."""
        return [
            Found(place=self.name, what=_within(path, self.loaded.folder), rows=n)
            for path, whose in self._files(inside=True)
            if (n := rows_in(path, _packing(path), whose))
        ]

    def erase(self) -> None:
        """Write these files without them."""
        for path, whose in self._files(inside=True):
            if rows_in(path, _packing(path), whose):
                aside = path.with_name(f".{path.name}.partial")
                write_without(path, _packing(path), whose, aside)
                _sync(aside)
                aside.chmod(path.stat().st_mode & 0o777)
                aside.replace(path)

    def out_of_reach(self) -> list[str]:
        """Name the files elsewhere that hold them."""
        return [
            f"{path}: a file of a source outside the shop's folder, with {n:,} rows of theirs"
            for path, whose in self._files(inside=False)
            if (n := rows_in(path, _packing(path), whose))
        ]

    def _files(self, *, inside: bool) -> Iterator[tuple[Path, Whose]]:
        for source in self.loaded.settings.sources.values():
            if not isinstance(source, CsvSource) or source.holds != "events":
                continue
            pattern = self.loaded.path(source.path)
            whose = Whose(source, self.user_id)
            for path in _there(source, pattern):
                if path.resolve().is_relative_to(self.loaded.folder.resolve()) == inside:
                    yield path, whose


def mlflow_folders(loaded: Loaded) -> list[Path]:
    """Return where MLflow keeps artefacts in the shop's folder."""
    named = (SERVER_ARTEFACTS, "mlruns")
    found = [loaded.folder / name for name in named]
    return [folder for folder in found if folder.is_dir()]


def out_of_reach(loaded: Loaded) -> list[str]:
    """Name the places that may hold somebody, and that are beyond this machine."""
    paths, found = loaded.settings.paths, []
    tracking = loaded.settings.tracking
    if tracking.is_on and tracking.uri.startswith("http"):
        found.append(f"{shown(tracking.uri)}: reports and models that the MLflow server keeps")
    if loaded.settings.versioning.remote:
        where = shown(loaded.settings.versioning.remote)
        found.append(f"{where}: snapshots that were pushed; delete those before this erasure")
    if scheme_of(paths.lake) == "s3":
        found.append(
            f"{shown(paths.lake)}: earlier versions of objects, where the bucket keeps them; "
            "copies in caches of other machines"
        )
    found += [
        f"{shown(place)}: logs, replicas and backups of the server"
        for place in (paths.warehouse, paths.online)
        if scheme_of(place)
    ]
    for name, source in loaded.settings.sources.items():
        if source.kind == "rest" and source.holds == "events":
            found.append(f"{name}: what lies behind its address")
    if any(isinstance(source, EventLogSource) for source in loaded.settings.sources.values()):
        found.append(
            "messages that a stream refused: those that name the user in any spelling are gone, "
            "and those that cannot be read; what is packed within a text (base64) is not seen"
        )
    return [*found, "backups, and logs of a proxy before the service"]


def _there(source: CsvSource, pattern: Path) -> list[Path]:
    from recomart.errors import SourceFileError

    try:
        return [found.path for found in find_files(source, pattern)]
    except SourceFileError:  # none (any more)
        return []


def _packing(path: Path) -> str:
    return PACKED.get(path.suffix.lower(), "")


def _within(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _write(path: Path, body: bytes) -> None:
    """Write a file in one step; links to the old one are cut."""
    _sync(replace_file(path, body))


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
