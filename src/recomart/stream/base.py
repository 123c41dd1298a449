"""The two interfaces that every broker offers: to take messages, and to publish them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECT_S = 10.0
"""Patience with a broker that is asked for the first time."""
Start = Literal["kept", "earliest", "latest"]


class Message(NamedTuple):
    """What a broker gave.

    partition  part of the topic that has an order of its own; empty where there are none
    position   where it stands in there, so that one can go on behind it; empty for a queue
    body       its bytes
    name       what the sender calls it, where it has no position
    """

    partition: str
    position: str
    body: bytes
    name: str = ""


@dataclass(frozen=True)
class Begin:
    """Where to begin.

    positions  of the last messages that were taken, by partition
    start      kept: behind these, and where there are none at the earliest message that the broker
               has; else where it says, whatever was taken
    tell_lost  is told a partition, and how many messages the broker let go before they were taken
    """

    positions: Mapping[str, str] = field(default_factory=dict)
    start: Start = "kept"
    tell_lost: Callable[[str, int], None] = lambda _partition, _n: None


class Broker(Protocol):
    """A connection to one topic, for one thread. Making one connects.

    It and its verbs raise StoreUnavailableError where the broker does not answer, AccessDeniedError
    where it refuses, SettingsError where it cannot be asked as the settings say.
    """

    def poll(self, most: int, wait_s: float) -> Sequence[Message]:
        """Return the next messages, in the order of their partitions; wait for them so long."""

    def done(self) -> None:
        """Be told that all that was given so far is on the disk: it is not wanted again."""

    def lag(self) -> int | None:
        """Return how many messages are there that were not given; None where it does not say."""

    def close(self) -> None:
        """Let go of it. What is not done is given again to the next connection."""


class Producer(Protocol):
    """A connection that publishes to one topic, for one thread. Making one connects.

    It and its verbs raise what a `Broker` raises.
    """

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish one message or more, each with a key whose messages keep their order.

        On return it has acknowledged all of them. Where this raises, each may be there or not, and
        the producer is of no more use.
        """

    def close(self) -> None:
        """Let go of it; what was not acknowledged is given up."""
