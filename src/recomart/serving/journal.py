"""The latest answers of this process, kept so that they can be explained."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from recomart.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recomart.serving.sessions import Happened
    from recomart.serving.words import Answer, Asked


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and what it was an answer to.

    fresh  what the visitor had done since the model learned
    """

    at_us: int
    asked: Asked
    answer: Answer
    fresh: Sequence[Happened]


class Journal:
    """Answers by their id; the oldest goes first. Threads may share it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = Lock()

    def add(self, kept: Kept) -> None:
        """Keep an answer."""
        with self._lock:
            self._kept[kept.answer.recommendation_id] = kept
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)

    def get(self, recommendation_id: str) -> Kept:
        """Return an answer. Raises NotFoundError."""
        kept = self._kept.get(recommendation_id)
        if kept is None:
            raise NotFoundError(
                "This answer is not kept here.",
                remedy=f"Only the last {self.most:,} answers of each worker process are kept; "
                "`recomart lineage ID` tells of the model behind any answer.",
            )
        return kept

    def forget(self, user_id: str) -> int:
        """Forget a user's answers; return how many."""
        with self._lock:
            theirs = [key for key, kept in self._kept.items() if kept.asked.who == user_id]
            for key in theirs:
                del self._kept[key]
        return len(theirs)
