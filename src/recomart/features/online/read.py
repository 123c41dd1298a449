"""Reading the online store: by key, as values or as numbers for a ranker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import IntegrityError, NotFoundError
from recomart.features.online.codec import RowCodec, key_of
from recomart.vocabulary import DAY_US, SECOND_US, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from recomart.features.online.base import OnlineStore, State

Key = tuple[str | int, ...] | str
Found = TypeVar("Found")


class OnlineFeatures:
    """The newest values of every materialised view, by key.

    What a store says of a view (its columns) is looked up once and held for `state_s` seconds;
    values are read anew each time.
    """

    def __init__(self, store: OnlineStore, state_s: float = 1.0) -> None:
        self.store = store
        self._state_s = state_s
        self._known: dict[str, tuple[float, State, RowCodec]] = {}

    def get(self, view: str, keys: Sequence[Key]) -> list[dict[str, Any] | None]:
        """Return the features of each key, None for one that is not there.

        Raises NotFoundError for a view that is not materialised, FrameError for a key of other
        parts or types.
        """

        def read(state: State, codec: RowCodec) -> list[dict[str, Any] | None]:
            values = self.store.get(view, [_bytes(key, state) for key in keys])
            return [None if value is None else codec.decode(value) for value in values]

        return self._reading(view, read)

    def matrix(self, view: str, keys: Sequence[Key], features: Sequence[str]) -> NDArray[Any]:
        """Return numeric features, float64 of shape (n_keys, n_features), NaN where unknown.

        Raises as `get`; NotFoundError also for a feature that the view does not have.
        """

        def read(state: State, codec: RowCodec) -> NDArray[Any]:
            unknown = [name for name in features if name not in state.columns]
            if unknown:
                raise NotFoundError.of(f"feature of {view!r}", unknown[0], state.columns)
            values = self.store.get(view, [_bytes(key, state) for key in keys])
            return codec.matrix(values, features)

        return self._reading(view, read)

    def held(self, views: Sequence[str]) -> dict[str, str]:
        """Return the versions of views as looked up last, without asking the store.

        At most `state_s` older than the values that are read.
        """
        known = self._known
        return {view: known[view][1].version for view in views if view in known}

    def versions(self, views: Sequence[str]) -> dict[str, str]:
        """Return the versions of views that the store has now; those it lacks are left out."""
        states = [self.store.state(view) for view in views]
        return {state.view: state.version for state in states if state is not None}

    def freshness(self) -> list[dict[str, Any]]:
        """Tell of each view which version is there, as of when, and whether it is still fresh."""
        states = [self.store.state(view) for view in self.store.views()]
        return [freshness_of(state) for state in states if state is not None]

    def close(self) -> None:
        """End the store's connections."""
        self.store.close()

    def _reading(self, view: str, read: Callable[[State, RowCodec], Found]) -> Found:
        try:
            return read(*self._of(view))
        except IntegrityError:  # a generation of another form may have come since we looked
            self._known.pop(view, None)
            return read(*self._of(view))

    def _of(self, view: str) -> tuple[State, RowCodec]:
        known = self._known.get(view)
        if known and time.monotonic() - known[0] < self._state_s:
            return known[1], known[2]
        state = self.store.state(view)
        if state is None:
            raise NotFoundError.of("materialised view", view, self.store.views())
        codec = known[2] if known and known[1].signature == state.signature else None
        codec = codec or RowCodec(state.columns)
        if codec.signature != state.signature:
            raise IntegrityError(
                f"The online rows of {view!r} were written by another release.",
                remedy="Run `recomart materialise --force`.",
            )
        self._known[view] = (time.monotonic(), state, codec)
        return state, codec


def _bytes(key: Key, state: State) -> bytes:
    return key_of(key if isinstance(key, tuple) else (key,), state.keys)


def freshness_of(state: State) -> dict[str, Any]:
    """Tell of a view which version a store has, as of when, and whether it is still fresh."""
    age_us = time.time_ns() // 1_000 - state.at_us
    return {
        "view": state.view,
        "version": state.version,
        "rows": state.rows,
        "as_of": written(state.at_us),
        "materialised_at": written(state.materialised_us),
        "age_s": age_us // SECOND_US,
        "is_fresh": state.fresh_days is None or age_us <= state.fresh_days * DAY_US,
    }
