"""What this worker uses of the machine: memory, processor, open files, room on the disk.

prometheus_client's own collector of these does not work where several workers share what they
count; these gauges and the counter are summed like all others.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

PROC = Path("/proc/self")
"""Linux only; elsewhere memory and open files are not told."""


class Resources:
    """Gauges of the machine; `measure` is called now and then.

    folders  where the data is; of their disks the one with the least room is told
    """

    def __init__(self, own: CollectorRegistry, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._cpu_s = 0.0
        self.cpu = Counter("recomart_cpu_seconds", "Processor time of all workers", registry=own)
        self.memory = self._gauge(own, "memory_bytes", "Resident memory of all workers")
        self.files = self._gauge(own, "open_files", "Open files and connections of all workers")
        self.threads = self._gauge(own, "threads", "Threads of all workers")
        self.workers = self._gauge(own, "workers", "Workers that answer")
        self.free = self._gauge(own, "disk_free_bytes", "Free where the data is", "livemin")
        self.disk = self._gauge(own, "disk_bytes", "Size of the disk where the data is", "livemin")

    @staticmethod
    def _gauge(own: CollectorRegistry, name: str, says: str, mode: str = "livesum") -> Gauge:
        return Gauge(f"recomart_{name}", says, registry=own, multiprocess_mode=mode)  # type: ignore[arg-type]

    def measure(self) -> None:
        """Look, and tell."""
        times = os.times()
        self.cpu.inc(max(0.0, times.user + times.system - self._cpu_s))
        self._cpu_s = times.user + times.system
        self.threads.set(threading.active_count())
        self.workers.set(1)
        disk = min(map(shutil.disk_usage, self._folders), key=lambda one: one.free / one.total)
        self.disk.set(disk.total)
        self.free.set(disk.free)
        if PROC.exists():
            pages = int((PROC / "statm").read_text(encoding="ascii").split()[1])
            self.memory.set(pages * os.sysconf("SC_PAGE_SIZE"))
            self.files.set(sum(1 for _ in (PROC / "fd").iterdir()))
