"""An online store: the newest values of views, by key, in generations that are swapped whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ValidationError

from recomart.errors import IntegrityError, StoreUnavailableError
from recomart.lake import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Self

Row = tuple[bytes, bytes]
"""Key and value."""


PART = b"\x00\x01"
"""Stands between the parts of a key; see `recomart.features.online.codec`."""
BEHIND = b"\x00\x02"
"""Behind all keys that go on with another part."""


class State(BaseModel, frozen=True, extra="forbid"):
    """What a store holds of a view: which version, as of when, how to read it."""

    view: str
    version: str
    """Version of the data set, a hash."""
    keys: dict[str, str]
    columns: dict[str, str]
    signature: str
    rows: int
    at_us: int
    materialised_us: int
    fresh_days: float | None = None

    @classmethod
    def read(cls, stored: str | bytes) -> Self:
        """Return what a store kept as JSON. Raises IntegrityError."""
        try:
            return cls.model_validate_json(stored)
        except ValidationError as error:
            raise IntegrityError(
                "What the online store says of a view is not of this release.",
                remedy="Use the release that wrote it, or empty the store and run "
                "`recomart materialise`.",
            ) from error


def table_of(view: str, version: str, current: str | None) -> str:
    """Return the name that a generation in the making has in a store, a hash.

    It is never that of the current one, so that the same version can be made again beside it.
    """
    name = f"g_{hash_of(view, version)}"
    return f"g_{hash_of(view, version, 'again')}" if name == current else name


def overtaken(store: str, view: str) -> StoreUnavailableError:
    """Say that a generation is no longer in the making: another run began, or published, one."""
    return StoreUnavailableError(store, f"another run writes the view {view!r}")


class OnlineStore(Protocol):
    """A place for rows by key. Of each view one generation is current; one may be in the making.

    Threads may share one. Every method raises StoreUnavailableError where the store is down,
    locked or too slow; `put` and `publish` also where another run took over.
    """

    def state(self, view: str) -> State | None:
        """Return what is current of a view, None where nothing is."""

    def views(self) -> list[str]:
        """Return the views of which something is current, sorted."""

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys, all of one generation, in the order of the keys."""

    def under(self, view: str, begin: bytes) -> list[Row]:
        """Return the current rows whose key is `begin`, or goes on behind it with another part.

        Reads the whole view where the store has no order of keys.
        """

    def tidy(self) -> None:
        """Write over what was deleted, as far as the store itself does not."""

    def progress(self, view: str, version: str) -> int:
        """Return how many batches of the generation in the making are stored.

        Batches of another version that were left half-made are forgotten. What is current stays,
        even of the same version.
        """

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """Store a batch of the generation in the making, durably; again does no harm."""

    def publish(self, state: State) -> None:
        """Make the generation in the making the current one, at once."""

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """Change some rows of the current generation, and its state, at once."""

    def close(self) -> None:
        """End connections."""
