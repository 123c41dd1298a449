"""One thread a core, each with a BLAS of one thread: for work that falls into many small pieces.

NumPy releases the interpreter while it computes, so threads suffice. A BLAS that splits every
small product over the cores itself would stand in their way; `threadpoolctl` tells it not to.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Piece = TypeVar("Piece")

FEW = 4
"""Up to so many pieces are not worth threads."""

_lock = threading.Lock()
_here = threading.local()
_held: list[Any] = []


def spread(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
    """Do `work` on every piece. Pieces must not write to the same place."""
    n_threads = threads_here()
    if n_threads < 2 or len(pieces) <= FEW:
        for piece in pieces:
            work(piece)
        return
    with _blas_of_one_thread(), ThreadPoolExecutor(n_threads, initializer=_enter) as pool:
        for _ in pool.map(work, pieces):
            pass


def hold_blas_to_one_thread() -> None:
    """Do so for good: in a process that answers many small questions, others have the cores.

    With a BLAS of two threads a list took twice the CPU time, for they wait by turning round.
    """
    _controller().limit(limits=1, user_api="blas")


def hold_to_one_thread() -> None:
    """Hold this process to the thread that asks: others of its kind have the other cores."""
    hold_blas_to_one_thread()
    _enter()


def threads_here() -> int:
    """Return the number of threads that who asks may use: one, if it is one of many itself."""
    return 1 if getattr(_here, "is_worker", False) else threads()


@cache
def threads() -> int:
    """Return the number of threads that `spread` uses: one a core this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _enter() -> None:
    """Mark a thread as a worker, whose own pieces are done one after the other."""
    _here.is_worker = True


@contextmanager
def _blas_of_one_thread() -> Iterator[None]:
    """Hold BLAS to one thread while any caller needs it; the last one to leave lets it go."""
    with _lock:
        _held.append(_controller().limit(limits=1, user_api="blas") if not _held else None)
    try:
        yield
    finally:
        with _lock:
            if len(_held) == 1:
                _held[0].restore_original_limits()
            _held.pop()


@cache
def _controller() -> Any:  # noqa: ANN401 -- threadpoolctl ships no types
    """Return the handle on the loaded BLAS libraries."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
