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
        return [*findings, Finding("settings", ok=False, found=error.cause, remedy=error.remedy)]
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


def _disk(loaded: Loaded) -> Finding:
    folder = loaded.path(loaded.settings.paths.lake)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    found = f"{free / 2**30:.1f} GiB free" + ("" if writable else ", not writable")
    ok = writable and free > FREE_BYTES
    return Finding("lake folder", ok, found, None if ok else "Free space, or move `paths.lake`.")


def _sources(loaded: Loaded) -> Iterator[Finding]:
    from recomart.sources.files import find_files

    for name, source in loaded.settings.sources.items():
        if not isinstance(source, CsvSource):
            continue
        try:
            files = find_files(source, loaded.path(source.path))
            yield Finding(f"source {name}", ok=True, found=f"{len(files):,} files")
        except RecomartError as error:
            yield Finding(f"source {name}", ok=False, found=error.cause, remedy=error.remedy)


def _lake(loaded: Loaded, *, verify: bool) -> list[Finding]:
    lake = open_lake(loaded)
    return [_data_set(lake, name, verify=verify) for name in lake.names()]


def _data_set(lake: Lake, name: str, *, verify: bool) -> Finding:
    try:
        manifest = lake.latest(name)
        if verify:
            lake.paths(manifest.files)
    except RecomartError as error:
        return Finding(f"data set {name}", ok=False, found=error.cause, remedy=error.remedy)
    told = f"{manifest.rows:,} rows in {len(manifest.files)} files"
    told += ", verified" if verify else ""
    return Finding(f"data set {name}", ok=True, found=told)
