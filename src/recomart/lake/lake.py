"""The lake: named data sets, each a line of immutable versions with a manifest."""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.errors import (
    AccessDeniedError,
    DataSetNotFoundError,
    IntegrityError,
    LakeBusyError,
)
from recomart.lake.manifest import FileEntry, Manifest
from recomart.vocabulary import LAYERS, layer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from recomart.lake.objects import Objects

_BLOCK = 1 << 20
BRIEF = "stream-"
"""How the ids of runs begin that hold the lease for a moment again and again."""
PATIENCE_S, LOOK_S = 10.0, 0.05
"""How long to wait for one of those, and how often to look."""


def folder_of(dataset: str) -> str:
    """Return the folder of a data set below the lake's root, ``<layer>/<name>``."""
    return f"{layer_of(dataset)}/{dataset.removeprefix('raw_')}"


def manifest_key(manifest: Manifest) -> str:
    """Return where a manifest lies below the lake's root."""
    return f"{folder_of(manifest.name)}/manifests/{manifest.number:08d}.json"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Lake:
    """Data sets over a place for objects. Reading needs no lease, committing does."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._verified: set[str] = set()
        self._is_held = False
        self._lines: dict[str, list[str]] = {}
        self._manifests: dict[str, Manifest] = {}

    @contextmanager
    def lease(self, run_id: str) -> Iterator[None]:
        """Hold the only right to commit. Raises LakeBusyError, naming the holder.

        A stream that commits is waited for: it is done in a moment. Nobody else commits meanwhile,
        so what was found once is not looked up again.
        """
        with ExitStack() as held:
            self._take_lease(held, run_id)
            self._is_held = True
            try:
                yield
            finally:
                self._is_held = False
                self._lines.clear()
                self._manifests.clear()

    def _take_lease(self, held: ExitStack, run_id: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while self._is_briefly_held(held, run_id, is_patient=time.monotonic() < end):
            time.sleep(LOOK_S)

    def _is_briefly_held(self, held: ExitStack, run_id: str, *, is_patient: bool) -> bool:
        """Take the lease, or tell that it will be free in a moment."""
        try:
            held.enter_context(self.objects.lease(run_id))
        except LakeBusyError as error:
            is_brief = error.holder.startswith((f"run {BRIEF}", "holder unknown"))
            if is_patient and is_brief and not run_id.startswith(BRIEF):
                return True
            raise
        return False

    def probe(self) -> None:
        """Store, read and forget something, to see that the place keeps its promises."""
        key = f".probe/{uuid4().hex}"
        self.objects.put_if_absent(key, b"first")
        if self.objects.put_if_absent(key, b"second") or self.objects.get(key) != b"first":
            raise AccessDeniedError("The lake", "keep what is stored: it does not know conditions")
        with suppress(AccessDeniedError):  # nothing else here wants the right to delete
            self.objects.delete(key)

    def names(self) -> list[str]:
        """Return the names of all data sets that have a committed version, sorted."""
        found = set()
        for layer in LAYERS:
            for key in self.objects.keys(layer):
                parts = key.split("/")
                if len(parts) == 4 and parts[2] == "manifests":
                    found.add(f"raw_{parts[1]}" if layer == "raw" else parts[1])
        return sorted(found)

    def find(self, dataset: str) -> Manifest | None:
        """Return the current version of a data set, or None where there is none yet."""
        keys = self._line(dataset)
        return self._manifest(keys[-1]) if keys else None

    def latest(self, dataset: str) -> Manifest:
        """Return the current version of a data set. Raises DataSetNotFoundError."""
        manifest = self.find(dataset)
        if manifest is None:
            raise DataSetNotFoundError(dataset, self.names())
        return manifest

    def history(self, dataset: str) -> list[Manifest]:
        """Return all versions of a data set, oldest first."""
        return [self._manifest(key) for key in self._line(dataset)]

    def newest_first(self, dataset: str) -> Iterator[Manifest]:
        """Yield the versions of a data set, each read when it is asked for."""
        return (self._manifest(key) for key in reversed(self._line(dataset)))

    def paths(self, files: Iterable[FileEntry]) -> list[Path]:
        """Return local files to read, each checked against its sha256. Raises IntegrityError."""
        return [self._verify(file) for file in files]

    def read(self, dataset: str, partition: str) -> bytes:
        """Return the checked bytes of one file of a data set's current version."""
        return self.read_file(self.latest(dataset), partition)

    def read_file(self, manifest: Manifest, partition: str) -> bytes:
        """Return the checked bytes of one file of any version."""
        entry = manifest.by_partition().get(partition)
        if entry is None:
            raise DataSetNotFoundError(f"{manifest.name}/{partition}", self.names())
        with suppress(KeyError):  # no such file: `_verify` says so
            body = self.objects.path(entry.key).read_bytes()
            if hashlib.sha256(body).hexdigest() == entry.sha256:  # read once, for large models
                return body
        return self._verify(entry).read_bytes()

    def version(self, dataset: str, version: str) -> Manifest:
        """Return the newest manifest of a version by its hash, or of what took its place.

        Raises DataSetNotFoundError.
        """
        for manifest in self.newest_first(dataset):
            if manifest.stands_for(version):
                return manifest
        raise DataSetNotFoundError(f"{dataset} {version[:12]}", self.names())

    def publish(self, manifest: Manifest) -> None:
        """Commit a version: from now on it is the current one. Raises LakeBusyError if raced."""
        key = manifest_key(manifest)
        body = manifest.model_dump_json(indent=1).encode()
        line = self._lines.get(manifest.name)
        if not self.objects.put_if_absent(key, body):
            raise LakeBusyError(key, "it committed this version first")
        if line is not None:
            line.append(key)
            self._manifests[key] = Manifest.model_validate_json(body)

    def restate(self, manifest: Manifest) -> None:
        """Put a manifest in the place of the one with its number; for erasing, under the lease."""
        key = manifest_key(manifest)
        self.objects.replace(key, manifest.model_dump_json(indent=1).encode())
        self._manifests.pop(key, None)

    def _line(self, dataset: str) -> list[str]:
        """Return the keys of the manifests of all versions, oldest first."""
        if dataset in self._lines:
            return self._lines[dataset]
        keys = list(self.objects.keys(f"{folder_of(dataset)}/manifests"))
        if self._is_held:
            self._lines[dataset] = keys
        return keys

    def _manifest(self, key: str) -> Manifest:
        if key in self._manifests:
            return self._manifests[key]
        try:
            manifest = Manifest.model_validate_json(self.objects.get(key))
        except ValueError as error:
            raise IntegrityError(
                f"The manifest {key!r} cannot be read: {str(error).splitlines()[0]}.",
                remedy="Restore it from a backup, or delete it to fall back to the version before.",
            ) from error
        if self._is_held:
            self._manifests[key] = manifest
        return manifest

    def _verify(self, file: FileEntry) -> Path:
        try:
            path = self.objects.path(file.key)
            if file.key not in self._verified and sha256_of(path) != file.sha256:
                path = self.objects.path(file.key, fresh=True)  # the copy may be damaged
                found = sha256_of(path)
                if found != file.sha256:
                    raise IntegrityError.of_file(file.key, file.sha256, found)
        except KeyError:
            raise IntegrityError.of_file(file.key, file.sha256, "no file") from None
        self._verified.add(file.key)
        return path
