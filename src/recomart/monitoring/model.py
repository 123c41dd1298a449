"""What monitoring says, as data: the content of `monitoring.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from recomart.monitoring.distances import Distances
from recomart.monitoring.online import Online
from recomart.monitoring.reason import Reason


class _Part(BaseModel, frozen=True, extra="forbid"):
    """A part of it."""


class Model(_Part):
    """A published model: the one that is measured, or the one that serves."""

    number: int
    name: str
    version: str
    published_us: int


class Offline(_Part):
    """How the model that serves was judged before it was published."""

    model: str
    metric: str
    mean: float | None
    low: float | None
    high: float | None


class Quality(_Part):
    """The quality score of the data now, and of earlier data by the day it went up to."""

    score: float | None
    sources: dict[str, float]
    past: dict[str, float]


class Monitoring(_Part):
    """All of it.

    published  the newest published model, which reasons are measured of; null before the first
    features   feature → how far it moved since the model learned, the farthest first
    predictions  what is recommended → how far it moved
    view_us    feature view → the moment it is as of
    """

    schema_version: Literal[1] = 1
    project: str
    monitored_us: int
    published: Model | None
    champion: Model | None
    reasons: tuple[Reason, ...]
    features: dict[str, Distances]
    predictions: dict[str, Distances]
    offline: tuple[Offline, ...]
    quality: Quality | None
    online: Online | None
    newest_event_us: int | None
    view_us: dict[str, int]

    @property
    def is_due(self) -> bool:
        """Tell whether a reason speaks for training anew."""
        return any(reason.verdict for reason in self.reasons)
