"""The socket that a service listens on, and how its workers share who comes."""

from __future__ import annotations

import socket
import sys

from recomart.errors import UnavailableError

CAN_FORK = sys.platform == "linux"
"""Elsewhere a process that used what NumPy stands on cannot be forked, so sockets are handed over
in a way that knows plain ones only."""
WAITING = 2_048
"""Connections that may wait to be taken."""


class OneAtATime(socket.socket):
    """Gives out one connection at each look, so that workers that look in turn share who comes.

    asyncio takes all that wait at once: then the worker that wakes first has them all, for as long
    as they last.
    """

    _has_given = False

    def accept(self) -> tuple[socket.socket, object]:
        """Take a connection; the next call says that none waits. See `socket.accept`."""
        if self._has_given:
            self._has_given = False
            raise BlockingIOError
        given = super().accept()
        self._has_given = True
        return given


def listen(host: str, port: int) -> socket.socket:
    """Take a port. Raises UnavailableError.

    The socket is said to be TCP by number: only then asyncio sends small answers at once, instead
    of waiting 40 ms for the other side (Nagle's algorithm).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = OneAtATime if CAN_FORK else socket.socket
    listener = kind(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(WAITING)
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"{host} port {port} cannot be listened on: {error.strerror}.",
            remedy="End what listens there, or use --port with another; 0 takes any that is free.",
        ) from error
    listener.set_inheritable(True)  # the workers take it over
    return listener
