"""A connection for each thread: what a store over connections shares, and lets go of again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class Closes(Protocol):
    """Something that is closed."""

    def close(self) -> None:
        """Let go of it."""


Connection = TypeVar("Connection", bound=Closes)


class PerThread(Generic[Connection]):
    """Opens a connection for every thread that asks, and closes those of threads that ended."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._open: dict[threading.Thread, Connection] = {}
        self._lock = threading.Lock()

    def mine(self) -> Connection:
        """Return the connection of this thread."""
        thread = threading.current_thread()
        return self._open.get(thread) or self._opened(thread)

    def drop(self) -> None:
        """Close the connection of this thread; the next use opens another."""
        with self._lock:
            con = self._open.pop(threading.current_thread(), None)
        if con is not None:
            con.close()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            cons = [*self._open.values()]
            self._open.clear()
        for con in cons:
            con.close()

    def _opened(self, thread: threading.Thread) -> Connection:
        con = self._connect()
        with self._lock:
            ended = [other for other in self._open if not other.is_alive()]
            cons = [self._open.pop(other) for other in ended]
            self._open[thread] = con
        for other in cons:
            other.close()
        return con
