"""The book of erasures: who is to be erased, how far that is, and receipts of what was done.

orders/     one file a user who is to be erased, gone when that is done
receipts/   what was done; who it was stands there as a salted hash
salt        of these hashes; whoever has it and a receipt can try ids, so only its owner reads it
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from recomart.errors import BadInputError, IntegrityError, StoreUnavailableError
from recomart.lake.objects import LocalObjects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from recomart.settings import Loaded

ORDERS, RECEIPTS, SALT = "orders", "receipts", "salt"
LONGEST_ID = 1_024
"""Characters of a user's id."""


class Part(BaseModel, extra="forbid"):
    """Something written to the book."""


class Found(Part):
    """Somebody in one place.

    version  of the data set that held them; empty where the place has no versions
    became   the version that took its place; empty until it has
    """

    place: str
    what: str
    rows: int = Field(ge=0, description="rows, or mentions where there are no rows")
    version: str = ""
    became: str = ""


class Order(Part):
    """Somebody who is to be erased. Written before anything is changed, durably.

    found   where they were, and how often; None until it was looked
    starts  how often the work began: more than one after a kill
    sessions  of theirs, from wherever they are known; while they are erased, no place may tell any
              more which those were
    """

    erasure_id: str
    user_id: str
    asked_by: str
    asked_at: str
    starts: int = 0
    found: list[Found] | None = None
    sessions: list[str] = []

    def note(self, found: Iterable[Found]) -> None:
        """Add what was found; what is known already is not counted twice."""
        known = {(one.place, one.what, one.version): one for one in self.found or ()}
        for one in found:
            old = known.get((one.place, one.what, one.version))
            if old is None or old.rows < one.rows:
                known[one.place, one.what, one.version] = one
        self.found = list(known.values())


class Receipt(Part):
    """What was done about somebody.

    user        a salted hash of their id
    touched     what held them, and what took its place
    remains     what was learned from them together with others, until it is learned anew
    not_reached what may hold them and could not be reached, with the reason
    found_after  what a look through all places found at the end: nothing
    """

    erasure_id: str
    user: str
    asked_by: str
    asked_at: str
    done_at: str
    starts: int
    seconds: float
    touched: list[Found]
    remains: list[str]
    not_reached: list[str]
    found_after: int


class Erasures:
    """The book of one shop. Raises StoreUnavailableError where its folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = LocalObjects(folder)

    @classmethod
    def of(cls, loaded: Loaded) -> Erasures:
        """Return the book of a shop."""
        return cls(loaded.path(loaded.settings.paths.erasures))

    def order(self, user_id: str, by: str) -> Order:
        """Ask for somebody to be erased; return the order, which is on the disk now.

        Asking again before it is done gives the same order. Raises BadInputError.
        """
        if not user_id or len(user_id) > LONGEST_ID:
            raise BadInputError(
                "This is no id of a user.", remedy=f"Give 1 to {LONGEST_ID:,} characters."
            )
        try:
            mark = self.mark(user_id)
            key = f"{ORDERS}/{mark[:32]}.json"
            at = datetime.now(timezone.utc)
            name = f"{at:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(3)}"
            at_iso = at.isoformat(timespec="seconds")
            made = Order(erasure_id=name, user_id=user_id, asked_by=by, asked_at=at_iso)
            if self._files.put_if_absent(key, _json(made)):
                (self.folder / key).chmod(0o600)
            return self._read(key) or made
        except OSError as error:
            raise StoreUnavailableError("The book of erasures", str(error)) from error

    def orders(self) -> list[Order]:
        """Return what is still to be done, the oldest order first."""
        found = [self._read(key) for key in self._files.keys(ORDERS)]
        return sorted((one for one in found if one), key=lambda one: one.erasure_id)

    def save(self, order: Order) -> None:
        """Write how far an order is, durably."""
        key = self._key(order)
        self._files.replace(key, _json(order))
        (self.folder / key).chmod(0o600)

    def end(self, order: Order, receipt: Receipt) -> None:
        """Keep the receipt; then the order goes, and the id with it. Again does no harm."""
        self._files.put_if_absent(f"{RECEIPTS}/{receipt.erasure_id}.json", _json(receipt))
        self._files.delete(self._key(order))
        with suppress(OSError):
            for left in (self.folder / ".aside").iterdir():
                left.unlink()

    def receipts(self, user_id: str | None = None) -> list[Receipt]:
        """Return the receipts, the oldest first; of one user, if asked for."""
        keys = list(self._files.keys(RECEIPTS))
        found = [Receipt.model_validate_json(self._files.get(key)) for key in keys]
        mark = self.mark(user_id) if user_id is not None and found else ""
        return [one for one in found if user_id is None or one.user.endswith(mark)]

    def mark(self, user_id: str) -> str:
        """Return the salted hash of a user, hex."""
        return hmac.new(self._salt(), user_id.encode(), hashlib.sha256).hexdigest()

    def _key(self, order: Order) -> str:
        return f"{ORDERS}/{self.mark(order.user_id)[:32]}.json"

    def _salt(self) -> bytes:
        path = self.folder / SALT
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)  # orders hold ids
            self._files.put_if_absent(SALT, secrets.token_hex(32).encode())
            path.chmod(0o600)
        return path.read_bytes()

    def _read(self, key: str) -> Order | None:
        try:
            return Order.model_validate_json(self._files.get(key))
        except KeyError:
            return None
        except ValidationError as error:
            raise IntegrityError(
                f"The order {os.path.basename(key)!r} in the book of erasures cannot be read.",  # noqa: PTH119
                remedy="Ask for the erasure again, then delete the file.",
            ) from error


def _json(record: Part) -> bytes:
    return record.model_dump_json(indent=1).encode()
