"""A thread that does something again and again, beside the answers."""

from __future__ import annotations

from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from recomart.log import StageLog, for_this_shop

if TYPE_CHECKING:
    from collections.abc import Callable

log = StageLog("serving")


class Watcher:
    """A thread that does something again and again until it is stopped."""

    def __init__(self, name: str, every_s: float, do: Callable[[], None]) -> None:
        self._stop = Flag()
        self._every_s = every_s
        self._do = do
        self._thread = Thread(target=for_this_shop(self._run), name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._do()
            except Exception as error:  # noqa: BLE001, PERF203 - it watches on
                log.error("watcher_failed", watcher=self._thread.name, error=repr(error))

    def close(self) -> None:
        """Let it come to its end."""
        self._stop.set()
        self._thread.join()
