"""An online store that need not be there when the service starts."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from recomart.errors import StoreUnavailableError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recomart.features.online import OnlineStore, State

AGAIN_S = 2.0
"""How long after a failure to try to open it again."""


class LateStore:
    """The verbs of `OnlineStore` that read; opened when first asked, and again after a failure."""

    def __init__(self, open_it: Callable[[], OnlineStore]) -> None:
        self._open = open_it
        self._store: OnlineStore | None = None
        self._failed_at = -AGAIN_S
        self._why = ""
        self._lock = Lock()

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        return self._opened().state(view)

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        return self._opened().views()

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`."""
        return self._opened().get(view, keys)

    def close(self) -> None:
        """See `OnlineStore`."""
        if self._store:
            self._store.close()

    def _opened(self) -> OnlineStore:
        store = self._store
        if store is not None:
            return store
        with self._lock:
            if self._store is None:
                self._store = self._try()
            return self._store

    def _try(self) -> OnlineStore:
        if time.monotonic() - self._failed_at < AGAIN_S:
            raise StoreUnavailableError("The online store", self._why)
        try:
            return self._open()
        except UnavailableError as error:
            self._failed_at, self._why = time.monotonic(), error.cause
            raise
