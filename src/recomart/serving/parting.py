"""The end of a server: who still comes is told so, where the system would cut the connection."""

from __future__ import annotations

import os
import select
import socket
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from threading import Event, Thread
from typing import TYPE_CHECKING

import uvicorn
from uvicorn import _subprocess
from uvicorn.supervisors import Multiprocess

from recomart.errors import BusyError
from recomart.serving.listening import CAN_FORK
from recomart.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 0.2
"""How long one who comes then may take to send a request and to read the answer."""
MOST_BYTES = 64 << 10
MOST_LATE = 100
"""Who come when all workers have ended; whoever comes after them is refused by the system."""


class Alone(uvicorn.Server):
    """A server of one process."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Turn away who comes while requests in work end."""
        with turning_away(sockets or []):
            await super().shutdown(sockets)


class Workers(Multiprocess):
    """A server of several processes; this is the parent of those that answer.

    They are forked, where that is safe, so that they have in common what was loaded before.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        if CAN_FORK:
            vars(_subprocess)["spawn"] = get_context("fork")  # there is no other way to ask
        super().__init__(config, sockets)

    def join_all(self) -> None:
        """Turn away who comes while the workers end."""
        with turning_away(self.sockets):
            super().join_all()
        for listener in self.sockets:
            listener.close()


@contextmanager
def turning_away(listeners: list[socket.socket]) -> Iterator[None]:
    """Answer 503 to whoever is not taken by a worker any more, until the block ends."""
    is_over = Event()
    # not listener.dup(): that would let the workers' accept wait, too
    kept = [socket.socket(fileno=os.dup(listener.fileno())) for listener in listeners]
    thread = Thread(target=_turn_away, args=(kept, is_over), name="parting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for listener in kept:
            listener.close()


def _turn_away(listeners: list[socket.socket], is_over: Event) -> None:
    """Be the thread; once it is over, those who wait are told, and few of those who come then."""
    answer, left = _answer(), MOST_LATE
    while left:
        ready, _, _ = select.select(listeners, [], [], 0.0 if is_over.is_set() else 0.05)
        for listener in ready:
            with suppress(OSError):  # a worker was quicker, or the client has gone
                connection, _ = listener.accept()
                with connection:
                    _tell(connection, answer)
        if is_over.is_set():
            left = left - 1 if ready else 0


def _tell(connection: socket.socket, answer: bytes) -> None:
    connection.settimeout(PATIENCE_S)
    connection.recv(MOST_BYTES)
    connection.sendall(answer)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(MOST_BYTES)  # until it has been read: closed at once, it might be lost


def _answer() -> bytes:
    problem = Problem(BusyError(503, "The server is being stopped.", retry_after_s=1.0))
    return problem.alone()
