"""Where bytes live. A few verbs, all of which every place must offer."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from recomart.lake.lease import lease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Objects(Protocol):
    """Immutable objects under keys such as ``raw/shop/2026/01/15/events.csv``."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store `data` durably unless `key` is taken; say whether it was stored. Atomic."""

    def adopt_if_absent(self, key: str, aside: Path) -> bool:
        """Store the file `aside` as `put_if_absent` would, and take it away from its place."""

    def replace(self, key: str, data: bytes) -> None:
        """Store `data` durably in the place of what stands there. Atomic; for manifests only."""

    def aside(self) -> Path:
        """Return a fresh local path to write to, from which `adopt_if_absent` is cheap."""

    def tidy(self) -> None:
        """Take away what killed runs left where `aside` points to; under the lease."""

    def get(self, key: str) -> bytes:
        """Return what was put. Raises KeyError."""

    def path(self, key: str, *, fresh: bool = False) -> Path:
        """Return a local file with the bytes under `key`, to be read only. Raises KeyError.

        Where it is a copy, `fresh` has it made anew.
        """

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys under the folder `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Forget `key`; deleting nothing is fine."""

    def lease(self, run_id: str) -> AbstractContextManager[None]:
        """Hold the only right to commit versions here. Raises LakeBusyError, naming the holder."""


class LocalObjects:
    """Objects as files under `root`; names that start with a dot are not objects."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write aside, then as `adopt_if_absent`."""
        aside = self.aside()
        aside.write_bytes(data)
        return self.adopt_if_absent(key, aside)

    def adopt_if_absent(self, key: str, aside: Path) -> bool:
        """Fsync, link into place, fsync the folders; see `Objects`."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fsync(aside)
            os.link(aside, path)  # unlike rename, fails where the name is taken
        except FileExistsError:
            return False
        finally:
            aside.unlink(missing_ok=True)
        for folder in Path(key).parents:  # a new name is durable once its folder is
            _fsync_folder(self.root / folder)
        return True

    def replace(self, key: str, data: bytes) -> None:
        """Fsync, move into place, fsync the folder; see `Objects`."""
        aside = self.aside()
        try:
            aside.write_bytes(data)
            _fsync(aside)
            aside.replace(self.root / key)
        finally:
            aside.unlink(missing_ok=True)
        _fsync_folder((self.root / key).parent)

    def aside(self) -> Path:
        """Return a path under a hidden folder of the root; see `Objects`."""
        folder = self.root / ".aside"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid4().hex}.partial"

    def tidy(self) -> None:
        """See `Objects`; whoever writes here holds the lease."""
        shutil.rmtree(self.root / ".aside", ignore_errors=True)

    def get(self, key: str) -> bytes:
        """See `Objects`."""
        return self.path(key).read_bytes()

    def path(self, key: str, *, fresh: bool = False) -> Path:  # noqa: ARG002 -- no copy, no age
        """See `Objects`."""
        path = self.root / key
        if not path.is_file():
            raise KeyError(key)
        return path

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `Objects`."""
        files = (path for path in (self.root / prefix).rglob("[!.]*") if path.is_file())
        found = (file.relative_to(self.root) for file in files)
        yield from sorted(path.as_posix() for path in found if not path.parts[0].startswith("."))

    def delete(self, key: str) -> None:
        """See `Objects`."""
        with suppress(FileNotFoundError):
            (self.root / key).unlink()

    def lease(self, run_id: str) -> AbstractContextManager[None]:
        """See `Objects`; it goes with the process that holds it."""
        return lease(self.root, run_id)


def _fsync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there; NTFS journals names itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
