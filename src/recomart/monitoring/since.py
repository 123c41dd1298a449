"""The newest published model, and the shop as it is since."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from recomart.monitoring.answers import Answerer
from recomart.ranking.interactions import read_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.lake import Manifest, Workbench
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import RetrainingSettings

EVENTS = "events"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Since:
    """What each reason is measured from; read once, and only if a reason asks for it."""

    bench: Workbench
    published: Manifest
    _measured: dict[Callable[[Since], Any], Any] = field(default_factory=dict)

    def once(self, measure: Callable[[Since], Found]) -> Found:
        """Measure what several ask for the first time, and remember it."""
        if measure not in self._measured:
            self._measured[measure] = measure(self)
        return cast("Found", self._measured[measure])

    @property
    def settings(self) -> RetrainingSettings:
        """The thresholds."""
        return self.bench.settings.retraining

    @property
    def learned(self) -> str:
        """The version of `events` that the model learned from."""
        return str(version_in(self.published, EVENTS))

    @property
    def is_news(self) -> bool:
        """Tell whether there are other events since."""
        return self.bench.lake.latest(EVENTS).version != self.learned

    @cached_property
    def model(self) -> Answerer:
        """The model itself."""
        return Answerer.published(self.bench.lake, self.published)

    @cached_property
    def events(self) -> EventArrays:
        """All events of now, over the items of the model and those that it does not know."""
        return self.model.over(read_events(self.bench))

    @property
    def now_us(self) -> int:
        """The moment after the newest event."""
        return int(self.events.occurred_us[-1]) + 1


def version_in(manifest: Manifest, parent: str) -> str | None:
    """Return the version of a parent."""
    return {one.name: one.version for one in manifest.parents}.get(parent)
