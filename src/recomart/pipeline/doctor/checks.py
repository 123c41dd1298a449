"""The table of checks, and their running: all at once, each within its time."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

from recomart.errors import UnavailableError
from recomart.pipeline.doctor import machine, places, services, stores
from recomart.pipeline.doctor.finding import Finding, Subject, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from recomart.settings import Loaded

    Look = Callable[[Subject], Iterable[Finding]]

PATIENCE_S = 8.0
CHECKS: dict[str, Look] = {
    "extras": machine.extras,
    "programs": machine.programs,
    "folders": places.folders,
    "sources": places.sources,
    "lake": places.lake,
    "engine": stores.engine,
    "warehouse": stores.warehouse,
    "online store": stores.online,
    "event log": stores.event_log,
    "keys": services.keys,
    "service": services.port,
    "told": services.told,
}
"""What is looked at of a shop, in the order of the answer."""
READS_ALL = ("lake",)
"""Checks that take as long as they need where every byte is to be read."""


def examine(
    load: Callable[[], Loaded], *, verify: bool = False, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """Look at everything, within a few seconds whatever hangs; never raise for what is wrong.

    verify  read every stored byte, however long it takes
    """
    findings = [
        *guarded("python", machine.python()),
        *guarded("libraries", machine.libraries()),
    ]
    loaded: list[Loaded] = []
    findings += guarded("settings", _settings(load, loaded))
    return findings + [one for each in loaded for one in _looked(Subject(each, verify, patience_s))]


def _settings(load: Callable[[], Loaded], loaded: list[Loaded]) -> Iterator[Finding]:
    """Read the settings, for the other checks too."""
    loaded.append(load())
    yield Finding("settings", ok=True, found=str(loaded[0].folder))


def _looked(subject: Subject) -> list[Finding]:
    """Run all checks at the same time; a thread that hangs is left behind, and told of."""
    end = time.monotonic() + subject.patience_s
    found: dict[str, list[Finding]] = {name: [] for name in CHECKS}

    def findings(name: str) -> Iterator[Finding]:
        yield from CHECKS[name](subject)

    def look(name: str) -> None:
        for finding in guarded(name, findings(name)):
            found[name].append(finding)

    threads = {name: Thread(target=look, args=(name,), daemon=True) for name in CHECKS}
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        is_patient = subject.verify and name in READS_ALL
        thread.join(None if is_patient else max(0.0, end - time.monotonic()))
        if thread.is_alive():
            cause = f"No answer within {subject.patience_s:g} s."
            remedy = "Something that it waits for hangs: a server, a lock or a network disk."
            found[name].append(Finding.wrong(name, UnavailableError(cause, remedy=remedy)))
    return [finding for name in CHECKS for finding in list(found[name])]
