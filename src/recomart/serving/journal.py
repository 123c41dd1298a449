"""The latest answers, kept so that any worker can explain those of all, and forgets together.

Lists that were shown go the same way, to be drained into the lake: `recomart.events.exposures`.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import asdict
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from pydantic_core import from_json, to_json

from recomart.errors import NotFoundError, RecomartError
from recomart.events.exposures import Exposure
from recomart.events.shared import SharedFile, Stored
from recomart.log import StageLog
from recomart.serving.forgotten import Forgotten
from recomart.serving.records import record
from recomart.serving.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from typing import Any

    from recomart.serving.records import Kept
    from recomart.serving.words import Answer

    Forget = Callable[[Collection[str], int], bool]

TURN_S = 0.02
"""How often a worker writes its answers, and looks whom to forget."""
MOST_AT_ONCE = 1_024
"""Answers of one turn."""
MOST_SHOWN = 5_000
"""Shown lists that wait in memory while the file cannot be used."""
AGAIN_S = 2.0
"""How long after a failure to try the file again."""
log = StageLog("serving")


class Journal:
    """Answers by their id. Adding one costs nothing but memory: a thread brings it to the file.

    path    of the file that all workers share; while it cannot be used, answers stay in memory
    most    answers kept, of all workers together
    forget  is called with names and a moment when another worker was told to forget somebody
    most_shown  lists kept until they are drained, of all workers together; 0: none are
    """

    def __init__(self, path: Path, most: int, forget: Forget, most_shown: int = 0) -> None:
        self.path = path
        self.most = most
        self._most_shown = most_shown
        self.trouble: str | None = None
        self._forget = forget
        self._waiting: OrderedDict[str, Kept] = OrderedDict()
        self._shown: deque[tuple[str, int, Answer]] = deque(maxlen=MOST_SHOWN)
        self._forgotten = Forgotten()
        self._lock = Lock()
        self._file: SharedFile | None = None
        self._failed_at = -AGAIN_S
        self._heard = 0
        self._watcher: Watcher | None = None

    def start(self) -> None:
        """Open the file, and begin to write and to listen."""
        self._turn()
        self._watcher = Watcher("journal", TURN_S, self._turn)

    def add(self, kept: Kept) -> None:
        """Keep an answer; where the thread does not keep up, the oldest that waits is lost."""
        with self._lock:
            if not self._forgotten.covers(kept.asked.who, kept.at_us):
                self._waiting[kept.answer.recommendation_id] = kept
            while len(self._waiting) > self.most:
                self._waiting.popitem(last=False)

    def show(self, who: str, at_us: int, answer: Answer) -> None:
        """Keep a list that is shown to somebody (empty: to nobody known) until it is drained."""
        if self._most_shown and answer.lines:
            with self._lock:
                if not self._forgotten.covers(who, at_us):
                    self._shown.append((who, at_us, answer))

    def find(self, recommendation_id: str) -> dict[str, Any] | None:
        """Return what is kept of an answer, see `record`; None where nothing is."""
        kept = self._waiting.get(recommendation_id)
        if kept is not None:
            return record(kept)
        found = self._with_file(lambda file: file.get(recommendation_id))
        return from_json(found) if found else None

    def not_found(self) -> NotFoundError:
        """Say that an answer is not kept."""
        return NotFoundError(
            "This answer is not kept.",
            remedy=f"Only the last {self.most:,} answers are kept (`serving.kept_answers`); "
            "`recomart lineage ID` tells of the model behind any answer.",
        )

    def of(self, who: str) -> list[dict[str, Any]]:
        """Return the answers to somebody that are kept, the oldest first, then what was shown.

        Of a list that is kept only to be drained there is `recommendation_id`, `at_us`, `items`.
        """
        found = [from_json(body) for body in self._with_file(lambda file: file.of(who))]
        shown = [_shown(one) for one in self._with_file(lambda file: file.shown_to(who))]
        with self._lock:
            waiting = [kept for kept in self._waiting.values() if kept.asked.who == who]
        known = {one["recommendation_id"] for one in found}
        mine = [kept for kept in waiting if kept.answer.recommendation_id not in known]
        told = [*found, *map(record, mine)]
        known = {one["recommendation_id"] for one in told}
        return [*told, *(one for one in shown if one["recommendation_id"] not in known)]

    def forget(self, names: Collection[str], at_us: int) -> int:
        """Forget all answers to some until a moment, and let every worker forget them.

        Return how many. Raises StoreUnavailableError, BadInputError.
        """
        n_waiting = self._forget_waiting(names, at_us)
        n_kept: int = self._with_file(lambda file: file.forget(names, at_us))
        return n_waiting + n_kept

    def close(self) -> None:
        """Write what waits, and let the file go."""
        if self._watcher:
            self._watcher.close()
            self._turn()
        if self._file:
            self._file.close()

    def _forget_waiting(self, names: Collection[str], at_us: int) -> int:
        with self._lock:
            self._forgotten.note(names, at_us)
            theirs = [
                key
                for key, kept in self._waiting.items()
                if kept.asked.who in names and kept.at_us <= at_us
            ]
            for key in theirs:
                del self._waiting[key]
            if self._shown:
                kept = [one for one in self._shown if one[0] not in names or one[1] > at_us]
                self._shown = deque(kept, MOST_SHOWN)
        return len(theirs)

    def _with_file(self, do: Callable[[SharedFile], Any]) -> Any:  # noqa: ANN401 - what `do` gives
        file = SharedFile(self.path, self.most)
        try:
            return do(file)
        finally:
            file.close()

    def _turn(self) -> None:
        try:
            file = self._opened()
            if file is not None:
                self._hear(file)
                self._write(file)
                self._write_shown(file)
        except RecomartError as error:
            self._fail(error)

    def _opened(self) -> SharedFile | None:
        if self._file is not None and not self._file.is_current():
            self._file.close()
            self._file, self._heard = None, 0
        if self._file is None and time.monotonic() - self._failed_at >= AGAIN_S:
            self._file = SharedFile(self.path, self.most)
            self.trouble = None
        return self._file

    def _hear(self, file: SharedFile) -> None:
        """Forget whom others were told to forget, also what this worker wrote of them since."""
        for one in file.forgotten_after(self._heard):
            self._forget_waiting([one.who], one.at_us)
            file.drop([one.who], one.at_us)
            self._forget([one.who], one.at_us)
            self._heard = one.seq

    def _write(self, file: SharedFile) -> None:
        with self._lock:
            some = list(islice(self._waiting.values(), MOST_AT_ONCE))
        if not some:
            return
        file.add([_stored(kept) for kept in some])
        with self._lock:
            for kept in some:
                self._waiting.pop(kept.answer.recommendation_id, None)

    def _write_shown(self, file: SharedFile) -> None:
        with self._lock:
            some = [self._shown.popleft() for _ in range(min(len(self._shown), MOST_AT_ONCE))]
        if not some:
            return
        try:
            file.show([_exposure(*one) for one in some], self._most_shown)
        except RecomartError:
            with self._lock:  # as far as there is room; whom to forget is heard before the next try
                room = MOST_SHOWN - len(self._shown)
                self._shown.extendleft(some[::-1][:room])
            raise

    def _fail(self, error: RecomartError) -> None:
        if self.trouble is None:
            log.error("answers_not_kept", code=error.code, cause=error.cause)
        self.trouble, self._failed_at = error.cause, time.monotonic()
        if self._file is not None:
            self._file.close()
            self._file = None


def _stored(kept: Kept) -> Stored:
    body = to_json(record(kept), inf_nan_mode="null")
    return Stored(kept.answer.recommendation_id, kept.asked.who, kept.at_us, body)


def _shown(exposure: Exposure) -> dict[str, Any]:
    items = [{"item_id": line[0]} for line in from_json(exposure.lines)]
    return {
        "recommendation_id": exposure.recommendation_id,
        "at_us": exposure.at_us,
        "items": items,
    }


def _exposure(who: str, at_us: int, answer: Answer) -> Exposure:
    told = [(line.item_id, line.source, line.score, line.confidence) for line in answer.lines]
    lines = to_json(told, inf_nan_mode="null").decode()
    of = answer.assigned
    return Exposure(
        recommendation_id=answer.recommendation_id,
        who=who,
        at_us=at_us,
        model=answer.model,
        version=answer.version,
        lines=lines,
        **(asdict(of) if of else {}),
    )
