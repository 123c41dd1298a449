"""The examination of a machine, its settings and its lake."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from recomart.errors import RecomartError
from recomart.lake import open_lake
from recomart.settings import CsvSource
from recomart.settings.places import scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recomart.lake import Lake
    from recomart.settings import Loaded

NEEDED = ("ibis-framework", "duckdb", "pyarrow", "numpy", "scipy", "pydantic", "adbc-driver-sqlite")
OLDEST = (3, 10)
FREE_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    ok: bool
    found: str
    remedy: str | None = None


def examine(load: Callable[[], Loaded], *, verify: bool = False) -> list[Finding]:
    """Look at everything; never raise for what is found wrong."""
    findings = [_python(), *map(_package, NEEDED)]
    try:
        loaded = load()
    except RecomartError as error:
        return [*findings, _wrong("settings", error)]
    findings.append(Finding("settings", ok=True, found=str(loaded.folder)))
    findings.append(_disk(loaded))
    findings += _sources(loaded)
    findings += _lake(loaded, verify=verify)
    return findings


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    fit = sys.version_info[:2] >= OLDEST
    return Finding("python", fit, found, None if fit else "Install Python 3.10 or newer.")


def _package(name: str) -> Finding:
    try:
        return Finding(name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Finding(name, ok=False, found="missing", remedy=f"pip install {name}")


def _wrong(check: str, error: RecomartError) -> Finding:
    return Finding(check, ok=False, found=error.cause, remedy=error.remedy)


def _disk(loaded: Loaded) -> Finding:
    """Look at the disk that the lake lies on, or the local copies of one in a bucket."""
    key = "cache" if scheme_of(loaded.settings.paths.lake) else "lake"
    folder = loaded.path(getattr(loaded.settings.paths, key))
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    found = f"{free / 2**30:.1f} GiB free" + ("" if writable else ", not writable")
    ok = writable and free > FREE_BYTES
    return Finding(
        f"{key} folder", ok, found, None if ok else f"Free space, or move `paths.{key}`."
    )


def _sources(loaded: Loaded) -> Iterator[Finding]:
    from recomart.sources.files import find_files

    for name, source in loaded.settings.sources.items():
        if not isinstance(source, CsvSource):
            continue
        try:
            files = find_files(source, loaded.path(source.path))
            yield Finding(f"source {name}", ok=True, found=f"{len(files):,} files")
        except RecomartError as error:
            yield _wrong(f"source {name}", error)


def _lake(loaded: Loaded, *, verify: bool) -> Iterator[Finding]:
    place = loaded.settings.paths.lake
    try:
        lake = open_lake(loaded)
        if scheme_of(place):
            lake.probe()
            yield Finding("lake", ok=True, found=f"{place}: takes and gives back")
        names = lake.names()
    except RecomartError as error:
        yield _wrong("lake", error)
        return
    for name in names:
        yield _data_set(lake, name, verify=verify)


def _data_set(lake: Lake, name: str, *, verify: bool) -> Finding:
    try:
        manifest = lake.latest(name)
        if verify:
            lake.paths(manifest.files)
    except RecomartError as error:
        return _wrong(f"data set {name}", error)
    told = f"{manifest.rows:,} rows in {len(manifest.files)} files"
    told += ", verified" if verify else ""
    return Finding(f"data set {name}", ok=True, found=told)
