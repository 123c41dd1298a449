"""A lake in a bucket: objects by the S3 protocol, with copies of what was read on this machine."""

from __future__ import annotations

import filecmp
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.lake.bucket import ANSWER_S, PART, Bucket, ConditionError
from recomart.lake.lease import lease
from recomart.lake.manifest import hash_of
from recomart.lake.s3_lease import TO_LIVE_S, s3_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recomart.lake.s3_lease import S3Lease

ONCE = {"IfNoneMatch": "*"}
HOME = ".home"
LEFT_S = 3_600.0
"""Work space untouched for so long was left by a process that is gone."""


class S3Objects:
    """Objects under ``s3://bucket/prefix``; names that start with a dot are not objects.

    What is atomic is so by conditional puts: of two that put the same key, the server takes one.
    Below `cache`, in a folder of its own, lies a copy of every file that was read or written; it
    may be deleted whenever no run goes on.

    answer_s    patience with the server, for each request; boto3 repeats some
    to_live_s   after so long without a word from its holder the lease may be taken over
    part_bytes  a bigger file goes in parts of this size
    """

    def __init__(
        self,
        url: str,
        cache: Path,
        *,
        answer_s: float = ANSWER_S,
        to_live_s: float = TO_LIVE_S,
        part_bytes: int = PART,
    ) -> None:
        self.bucket = Bucket(url, answer_s, part_bytes)
        self.cache = cache / self.bucket.name / self.bucket.prefix
        self.to_live_s = to_live_s
        self._held: S3Lease | None = None

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects`."""
        return self._put(
            lambda: self.bucket.put(key, data, **ONCE), lambda: self.bucket.get(key) == data
        )

    def adopt_if_absent(self, key: str, aside: Path) -> bool:
        """See `Objects`; the file becomes the local copy."""

        def is_there() -> bool:
            return filecmp.cmp(self.path(key, fresh=True), aside, shallow=False)

        try:
            stored = self._put(lambda: self.bucket.put_file(key, aside, **ONCE), is_there)
            if stored:
                aside.replace(self._place(key))
        finally:
            aside.unlink(missing_ok=True)
        return stored

    def replace(self, key: str, data: bytes) -> None:
        """See `Objects`; where the bucket keeps versions, what stood there stays among them."""
        self._check()
        self.bucket.put(key, data)
        (self.cache / _inside(key)).unlink(missing_ok=True)

    def aside(self) -> Path:
        """Return a path under a hidden folder of the cache; see `Objects`."""
        folder = self.cache / ".aside"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid4().hex}.partial"

    def tidy(self) -> None:
        """See `Objects`; what is young may be on its way to a reader."""
        for path in (self.cache / ".aside").rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and time.time() - path.stat().st_mtime > LEFT_S:
                    path.unlink()

    def get(self, key: str) -> bytes:
        """See `Objects`."""
        return self.bucket.get(key)

    def path(self, key: str, *, fresh: bool = False) -> Path:
        """See `Objects`; a copy, fetched where there is none yet."""
        copy = self.cache / _inside(key)
        if fresh or not copy.is_file():
            aside = self.aside()
            try:
                self.bucket.fetch(key, aside)
                aside.replace(self._place(key))
            finally:
                aside.unlink(missing_ok=True)
        return copy

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `Objects`."""
        for key in self.bucket.keys(f"{prefix}/" if prefix else ""):
            parts = PurePosixPath(key).parts
            if not (parts[0].startswith(".") or parts[-1].startswith(".") or key.endswith("/")):
                yield key

    def delete(self, key: str) -> None:
        """See `Objects`."""
        self._check()
        self.bucket.delete(key)
        (self.cache / _inside(key)).unlink(missing_ok=True)

    @contextmanager
    def lease(self, run_id: str) -> Iterator[None]:
        """See `Objects`; a run that lost it to another cannot write any more.

        The cache is locked, too. So whoever has that lock knows that a lease which was taken with
        the same cache belongs to a process that is gone, and need not wait until it runs out.
        """
        with (
            lease(self.cache, run_id, self.bucket.url),
            s3_lease(self.bucket, run_id, self._home(), self.to_live_s) as held,
        ):
            self._held = held
            try:
                yield
            finally:
                self._held = None

    def _put(self, put: Callable[[], str], is_there: Callable[[], bool]) -> bool:
        """Put if absent; after a lost answer, look whether what is there is ours."""
        self._check()
        try:
            put()
        except ConditionError as error:
            return error.is_unsure and is_there()
        return True

    def _check(self) -> None:
        if self._held is not None:
            self._held.check()

    def _place(self, key: str) -> Path:
        copy = self.cache / _inside(key)
        copy.parent.mkdir(parents=True, exist_ok=True)
        return copy

    def _home(self) -> str:
        """Return a name of this cache that no other has; under its lock."""
        file = self.cache / HOME
        if not file.is_file():
            file.write_text(uuid4().hex, encoding="utf-8")
        return hash_of(socket.gethostname(), file.read_text(encoding="utf-8"))


def _inside(key: str) -> str:
    """Return a key that is a path below a folder. Raises KeyError: no other was ever put."""
    if not key or ".." in key.split("/") or "\\" in key or PurePosixPath(key).is_absolute():
        raise KeyError(key)
    return key
