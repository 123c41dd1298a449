"""API keys: who may ask what. Kept hashed in a file that is read again when it changes.

A key is 256 random bits, so its plain SHA-256 is enough: there is nothing to guess that a slow
hash (scrypt) would make dearer, as there is with a password, and each request pays for it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
from datetime import datetime, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from recomart.errors import BadInputError, IntegrityError, NotFoundError, SettingsError
from recomart.log import StageLog

if TYPE_CHECKING:
    from collections.abc import Callable

Scope = Literal["read", "write", "admin"]
BYTES = 32
"""Random bytes of a key."""
PREFIX = "rmk"
log = StageLog("serving")


class Key(BaseModel, frozen=True, extra="forbid"):
    """A key, as far as the file knows it."""

    key_id: str = Field(pattern="^[0-9a-f]{8}$")
    name: str = Field(min_length=1, max_length=64)
    scope: Scope
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    created_at: str

    def may(self, scope: Scope) -> bool:
        """Tell whether it opens a door; admin opens all."""
        return self.scope in (scope, "admin")


class _File(BaseModel, frozen=True, extra="forbid"):
    version: Literal[1] = 1
    keys: tuple[Key, ...] = ()


class KeyFile:
    """The file. Raises IntegrityError where it is not what was written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Key, ...]:
        """Return all keys; none where there is no file."""
        try:
            return _File.model_validate_json(self.path.read_bytes()).keys
        except FileNotFoundError:
            return ()
        except (ValidationError, OSError) as error:
            raise IntegrityError(
                f"The file of API keys {str(self.path)!r} cannot be read.",
                remedy="Restore it, or move it away and make new keys.",
            ) from error

    def create(self, name: str, scope: Scope) -> tuple[str, Key]:
        """Make a key; what is returned first is told once and kept nowhere."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(BYTES)
        told = f"{PREFIX}_{key_id}_{secret}"
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        try:
            key = Key(key_id=key_id, name=name, scope=scope, sha256=_hash(told), created_at=at)
        except ValidationError as error:
            raise BadInputError(
                f"{name!r} cannot be the name of a key.", remedy="Use 1 to 64 characters."
            ) from error
        self._change(lambda keys: (*keys, key))
        return told, key

    def revoke(self, key_id: str) -> Key:
        """Take a key out. Raises NotFoundError."""
        found = [key for key in self.read() if key.key_id == key_id]
        if not found:
            raise NotFoundError.of("API key", key_id, [key.key_id for key in self.read()])
        self._change(lambda keys: tuple(key for key in keys if key.key_id != key_id))
        return found[0]

    def _change(self, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
        """Replace the file whole; two at once do not lose each other's keys."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            body = _File(keys=change(self.read())).model_dump_json(indent=1)
            with NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:  # mode 0600
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self.path)


class Keys:
    """The keys that are in force now, for a server.

    Without any, all doors are open, and only loopback may be listened on. Once there was a key,
    one is needed until the server ends, even if the file goes away.
    """

    def __init__(self, path: Path, *, are_needed: bool) -> None:
        self._file = KeyFile(path)
        self._stamp: tuple[int, int, int] | None = None
        self._lock = Lock()
        self._by_hash: dict[str, Key] = {}
        self.are_needed = are_needed
        self.trouble: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it is another than it was; a broken one changes nothing."""
        stamp = _stamp(self._file.path)
        if stamp == self._stamp:
            return
        with self._lock:
            try:
                keys = self._file.read()
            except IntegrityError as error:
                self.trouble = error.cause
                log.error("keys_not_read", cause=error.cause)
            else:
                self.trouble = None
                self._by_hash = {key.sha256: key for key in keys}
                self.are_needed = self.are_needed or bool(keys)
            self.are_needed = self.are_needed or self.trouble is not None
            self._stamp = stamp

    def find(self, told: str) -> Key | None:
        """Return the key that somebody holds; every one is compared, in constant time."""
        self.refresh()
        hashed, found = _hash(told), None
        for sha256, key in self._by_hash.items():
            if hmac.compare_digest(sha256, hashed):
                found = key
        return found


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hold_to_keys(host: str, path: Path, shop: str = "") -> None:
    """Refuse to listen beyond loopback without a key; `shop`: whose. Raises SettingsError."""
    if not is_loopback(host) and not KeyFile(path).read():
        of, named = (f" of shop {shop!r}", f" --shop {shop}") if shop else ("", "")
        raise SettingsError(
            f"serving.host {host!r} is open to other machines, and there is no API key{of}.",
            remedy=f"Run `recomart{named} keys create --scope read --name shop`, or listen on "
            "127.0.0.1.",
        )


def _hash(told: str) -> str:
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
