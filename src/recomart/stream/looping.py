"""A loop of asyncio in a thread of its own, for libraries that live on one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
LATE_S = 5.0
"""How long the loop's last work may take."""


class Loop:
    """Does work of a thread that itself knows no asyncio."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T], within_s: float) -> T:
        """Do some work and return what it gives. Raises TimeoutError of `concurrent.futures`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def close(self, last: Coroutine[Any, Any, object] | None = None) -> None:
        """Do the last of it, which may fail; end what still goes on, and the thread."""
        if last is not None:
            with suppress(Exception):  # what it lets go of may be gone already
                self.do(last, LATE_S)
        self.do(_end_others(), LATE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_others() -> None:
    """End what still goes on in this loop, such as an attempt to connect."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
