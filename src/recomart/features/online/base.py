"""An online store: the newest values of views, by key, in generations that are swapped whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = tuple[bytes, bytes]
"""Key and value."""


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


class OnlineStore(Protocol):
    """A place for rows by key. Of each view one generation is current; one may be in the making.

    Every method raises StoreUnavailableError where the store is down, locked or too slow.
    """

    def state(self, view: str) -> State | None:
        """Return what is current of a view, None where nothing is."""

    def views(self) -> list[str]:
        """Return the views of which something is current, sorted."""

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys, all of one generation, in the order of the keys."""

    def progress(self, view: str, version: str) -> int:
        """Return how many batches of the generation in the making are stored.

        Batches of another version that were left half-made are forgotten.
        """

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """Store a batch of the generation in the making, durably; again does no harm."""

    def publish(self, state: State) -> None:
        """Make the generation in the making the current one, at once."""

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """Change some rows of the current generation, and its state, at once."""

    def close(self) -> None:
        """End connections."""
