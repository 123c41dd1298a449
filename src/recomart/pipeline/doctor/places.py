"""Checks of folders, sources and the lake, with what lies in it."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recomart.errors import (
    DataSetNotFoundError,
    DiskFullError,
    IntegrityError,
    RecomartError,
    UnavailableError,
)
from recomart.lake import open_lake
from recomart.pipeline.doctor.finding import Finding, guarded
from recomart.pipeline.doctor.services import reach
from recomart.pipeline.published import last_run
from recomart.ranking.aliases import PUBLISHED, find_champion
from recomart.settings import CsvSource, RestSource
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from recomart.lake import Lake, Manifest
    from recomart.pipeline.doctor.finding import Subject
    from recomart.settings import Loaded

FREE_BYTES = 2 << 30


def folders(subject: Subject) -> Iterator[Finding]:
    """Look at the folders that are written to; the lake's, or that of the copies of a bucket."""
    paths = subject.loaded.settings.paths
    kept = "cache" if scheme_of(paths.lake) else "lake"
    for key in (kept, "logs", "reports"):
        check = f"{key} folder"
        yield from guarded(check, _folder(check, subject.loaded.path(getattr(paths, key))))


def _folder(check: str, folder: Path) -> Iterator[Finding]:
    """Look at a folder, or at the one that it will be made in."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise UnavailableError(
            f"{there} is a file where a folder should be.",
            remedy=f"Move it away, or set `paths.{check.removesuffix(' folder')}`.",
        )
    closed = [path for path in (there, *_below(folder)) if not _may_use(path)]
    if closed:
        raise UnavailableError(
            f"{closed[0]} may not be read and written by this user ({len(closed)} folders).",
            remedy="Give this user the rights (`chown`, `chmod`), or run as its owner.",
        )
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES:
        raise DiskFullError(f"{free / 2**30:.1f} GiB free below {there}")
    yield Finding(check, ok=True, found=f"{free / 2**30:.1f} GiB free")


def _below(folder: Path) -> list[Path]:
    """Return the folders of layers and data sets; one that is closed would only seem empty."""
    if not folder.is_dir() or not _may_use(folder):
        return []
    layers = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    return [*layers, *(below for layer in layers if _may_use(layer) for below in _folders(layer))]


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()]


def _may_use(folder: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)


def sources(subject: Subject) -> Iterator[Finding]:
    """Look whether every source has files, or a server that answers."""
    for name, source in subject.loaded.settings.sources.items():
        check = f"source {name}"
        if isinstance(source, CsvSource):
            yield from guarded(check, _files(subject.loaded, check, source))
        elif isinstance(source, RestSource):
            yield from guarded(check, _server(subject, name, source))
    if not subject.loaded.settings.sources:
        remedy = "Name your files below `sources:` in recomart.yaml; `recomart init DIR` shows how."
        yield Finding.note("sources", "none are named", remedy)


def _files(loaded: Loaded, check: str, source: CsvSource) -> Iterator[Finding]:
    from recomart.sources.files import find_files

    files = find_files(source, loaded.path(source.path))
    yield Finding(check, ok=True, found=f"{len(files):,} files")


def _server(subject: Subject, name: str, source: RestSource) -> Iterator[Finding]:
    """Look whether a catalogue's server can be reached; there may be one fetched before."""
    check, place = f"source {name}", shown(source.url)
    try:
        reach(source.url, subject.patience_s / 2)
    except UnavailableError as error:
        if open_lake(subject.loaded).find(f"raw_{name}") is None:
            raise
        yield Finding.note(check, f"{error.cause} The one fetched before is used.", error.remedy)
    else:
        yield Finding(check, ok=True, found=f"{place} can be reached")


def lake(subject: Subject) -> Iterator[Finding]:
    """Open the lake, and look at what lies in it."""
    place = subject.loaded.settings.paths.lake
    opened = open_lake(subject.loaded)
    if scheme_of(place) and subject.verify:
        opened.probe()
        yield Finding("bucket", ok=True, found=f"{place}: takes and gives back")
    names = opened.names()
    yield Finding("lake", ok=True, found=f"{place}: {len(names)} data sets")
    for check, look in OF_THE_LAKE.items():
        yield from guarded(check, look(subject, opened, names))


def data_sets(subject: Subject, lake: Lake, names: Sequence[str]) -> Iterator[Finding]:
    """Look at the newest version of every data set; tell each that is damaged."""
    whole: list[Manifest] = []
    for name in names:
        try:
            manifest = lake.latest(name)
            _hold(subject, lake, manifest)
            whole.append(manifest)
        except RecomartError as error:  # noqa: PERF203 - each is told
            yield Finding.wrong(f"data set {name}", error)
    if whole:
        newest = max(manifest.created_at for manifest in whole)
        told = f"{len(whole)} whole, {sum(m.rows for m in whole):,} rows, newest {_age(newest)} old"
        yield Finding("data sets", ok=True, found=told + ", every byte read" * subject.verify)
    elif not names:
        yield Finding.note("data sets", "none yet", "Run `recomart run`.")


def _hold(subject: Subject, lake: Lake, manifest: Manifest) -> None:
    """Hold files to their manifest: to the hash if asked for, else, in a folder, to the length."""
    if subject.verify:
        lake.paths(manifest.files)
        return
    if scheme_of(subject.loaded.settings.paths.lake):
        return  # looking at a file of a bucket fetches it
    for file in manifest.files:
        try:
            size = lake.objects.path(file.key).stat().st_size
        except KeyError:
            raise IntegrityError.of_file(file.key, file.sha256, "no file") from None
        if size != file.bytes:
            raise IntegrityError(
                f"{file.key!r} has {size:,} bytes, its manifest says {file.bytes:,}.",
                remedy="Restore it from a backup, or run the stage again with `--force`.",
            )


def champion(subject: Subject, lake: Lake, names: Sequence[str]) -> Iterator[Finding]:
    """Look at the model that serves."""
    manifest = find_champion(lake)
    if manifest is None and "evaluation" in names:
        raise DataSetNotFoundError(PUBLISHED, names)
    if manifest is None:
        yield Finding.note("model", "none is published yet", "Run `recomart run`.")
        return
    _hold(subject, lake, manifest)
    name = manifest.details.get("model", "model")
    found = f"{name}, number {manifest.number}, published {_age(manifest.created_at)} ago"
    yield Finding("model", ok=True, found=found)


def newest_run(subject: Subject, _lake: Lake, _names: Sequence[str]) -> Iterator[Finding]:
    """Look how the last run ended."""
    run = last_run(subject.loaded)
    if run is None:
        return
    found = f"{run['run_id']}: {run['outcome']}"
    if run["outcome"] == "done":
        yield Finding("last run", ok=True, found=found)
    else:
        remedy = "See `recomart runs show last`; then run again: it goes on where it stopped."
        yield Finding.note("last run", found, remedy)


OF_THE_LAKE = {"data sets": data_sets, "model": champion, "last run": newest_run}


def _age(moment: str) -> str:
    """Say how long ago something was, in the largest unit that fits."""
    seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(moment)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
