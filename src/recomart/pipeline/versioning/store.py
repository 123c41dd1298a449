"""DVC's side of a shop: the cache that keeps bytes by their hash, and the remote.

DVC is used in this process. It would print, ask, measure and look for updates; here it does not.
"""

from __future__ import annotations

import errno
import json
import logging
import sqlite3
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, UnavailableError, VersioningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dvc.repo import Repo
    from dvc_data.hashfile.obj import HashFile

    from recomart.pipeline.versioning.shop import Shop

LOGGERS = ("dvc", "dvc_data", "dvc_objects")
BARS = ("dvc.progress", "dvc_data.callbacks")
CACHE_TYPES = ["hardlink", "reflink", "copy"]
"""How files are shared; DVC tries a reflink before a hardlink where hardlink comes first."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
HASH = "md5"


class Store:
    """What is kept, and where; hashes of folders end with ``.dir``."""

    def __init__(self, repo: Repo, said: list[str]) -> None:
        self.repo = repo
        self.cache = repo.cache.local
        self.said = said

    def add(self, paths: Iterable[Path]) -> None:
        """Keep the bytes of folders and files, and fill their pointers.

        Raises UnavailableError where not all could be kept, which DVC tells by the way only.
        """
        stages = self.repo.add([str(path) for path in paths])
        if self.lacks(out.hash_info.value for stage in stages for out in stage.outs):
            raise no_room(self.said[-1] if self.said else "some files could not be copied")

    def weigh(self, path: Path) -> set[str]:
        """Return the hashes of a folder or file as it lies; that of the whole ends with ``.dir``.

        Keeps nothing.
        """
        from dvc_data.hashfile.build import build

        ignore = self.repo.dvcignore
        fs = self.repo.fs
        _, _, found = build(self.cache, str(path), fs, HASH, ignore=ignore, dry_run=True)
        return _all_of(found)

    def parts(self, md5: str) -> set[str] | None:
        """Return the hashes of all that a pointer stands for; None where its list is not kept."""
        from dvc_data.hashfile import load
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_objects.errors import ObjectFormatError

        try:
            return _all_of(load(self.cache, HashInfo(HASH, md5)))
        except (FileNotFoundError, ObjectFormatError):
            return None

    def all_parts(self, md5s: Iterable[str]) -> set[str]:
        """Return the hashes of all that is known of some pointers, their own included."""
        return {part for md5 in md5s for part in (self.parts(md5) or {md5})}

    def lacks(self, md5s: Iterable[str]) -> set[str]:
        """Return the hashes of what is missing here."""
        return {part for part in self.all_parts(md5s) if not self.cache.exists(part)}

    def bring(self, md5: str, target: Path) -> None:
        """Put what a pointer stands for in place, shared with the cache where that can be."""
        from dvc_data.hashfile import load
        from dvc_data.hashfile.checkout import checkout
        from dvc_data.hashfile.hash_info import HashInfo

        found = load(self.cache, HashInfo(HASH, md5))
        checkout(str(target), self.repo.fs, found, self.cache, force=True)

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each kept object takes that nobody shares."""
        found = {}
        for md5 in self.cache.all():
            told = self.repo.fs.info(self.cache.oid_to_path(md5))
            found[md5] = int(told["size"]) if told.get("nlink", 1) == 1 else 0
        return found

    def forget(self, md5s: Iterable[str]) -> None:
        """Delete kept objects, lists of folders first: a list never names what is gone."""
        for md5 in sorted(md5s, key=lambda one: not one.endswith(".dir")):
            self.cache.delete(md5)


def _all_of(found: HashFile) -> set[str]:
    from dvc_data.hashfile.tree import Tree

    files = {name.value for _, _, name in found} if isinstance(found, Tree) else set()
    return {found.hash_info.value, *files}


@contextmanager
def open_store(shop: Shop, config: Mapping[str, Any] | None = None) -> Iterator[Store]:
    """Open what DVC keeps of a shop. Raises MissingExtraError.

    DVC's own errors come out as VersioningError, a full disk as UnavailableError.
    """
    import_dvc()
    from dvc.repo import Repo

    # DVC would note hashes in /var/tmp, which everybody can write to
    site = {"site_cache_dir": str(shop.folder / ".dvc" / "tmp" / "site")}
    given = dict(config or {})
    given["core"] = {**site, **given.get("core", {})}
    _mend_locks(shop)
    with quiet() as said, in_our_words(), Repo(str(shop.folder), config=given) as repo:
        yield Store(repo, said)


def import_dvc() -> None:
    """Import DVC, and give the terminal back that it takes. Raises MissingExtraError."""
    streams = sys.stdout, sys.stderr
    try:
        import dvc  # noqa: F401 -- wraps both
    except ImportError:
        raise MissingExtraError("DVC", "versioning") from None
    finally:
        sys.stdout, sys.stderr = streams


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep DVC from printing; give what it would have said of warnings and errors."""
    said: list[str] = []
    loggers = {name: logging.getLogger(name) for name in (*LOGGERS, *BARS)}
    before = {n: (log.level, log.handlers, log.propagate) for n, log in loggers.items()}
    for name, log in loggers.items():
        log.handlers = [_Listener(said)] if name in LOGGERS else []
        log.propagate = name in BARS
        log.setLevel(logging.CRITICAL if name in BARS else logging.WARNING)
    try:
        yield said
    finally:
        for name, log in loggers.items():
            log.level, log.handlers, log.propagate = before[name]


class _Listener(logging.Handler):
    """Collects what is said."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, or the error behind it."""
        error = record.exc_info[1] if record.exc_info else None
        self.said.append(str(error) or repr(error) if error else record.getMessage())


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise DVC's errors as ours."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    try:
        yield
    except LockError:
        raise UnavailableError(
            "Another `dvc` command works in this folder.", remedy="Wait for it to end."
        ) from None
    except DvcException as error:
        cause = next(iter(str(error).strip().splitlines()), "no word")
        raise VersioningError(
            f"DVC: {cause.rstrip('.:')}.",
            remedy="Mend what DVC complains of, then do the same again; nothing is lost.",
        ) from error
    except (OSError, sqlite3.Error) as error:  # DVC's notes are in SQLite
        raise no_room(str(error)) from error


def no_room(cause: str) -> UnavailableError:
    """Say that something could not be written."""
    return UnavailableError(
        f"DVC could not write all of it: {cause.rstrip('.')}.",
        remedy="See that there is room (`recomart data gc` makes some) and that the folder can be "
        "written to; then do the same again. Nothing is lost.",
    )


def _mend_locks(shop: Shop) -> None:
    """Take away DVC's list of locks where a process was killed while it wrote it."""
    path = shop.folder / ".dvc" / "tmp" / "rwlock"
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink(missing_ok=True)
