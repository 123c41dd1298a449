"""Who was forgotten of late: what is still on its way of them is not taken up again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 10_000
"""Names remembered, the latest."""


class Forgotten:
    """Names, and until when what they did is forgotten; for one thread at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._until: OrderedDict[str, int] = OrderedDict()

    def note(self, names: Iterable[str], at_us: int) -> None:
        """Remember that what these did until then is forgotten."""
        for who in names:
            self._until[who] = max(at_us, self._until.pop(who, 0))
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def covers(self, who: str, at_us: int) -> bool:
        """Tell whether what somebody did at a moment is forgotten."""
        return bool(self._until) and at_us <= self._until.get(who, -1)
