"""From messages to events: the strict door of the API, and a reason for what does not pass it."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from recomart.errors import BadEventError
from recomart.events import Refused, parse_event
from recomart.events.streams import CUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.events import Event
    from recomart.stream.base import Message

KEPT_BYTES = 4_096
"""Of a message that is too large: its beginning, so that one sees what it was."""


class Batch(NamedTuple):
    """What messages hold, and how far they go."""

    events: list[Event]
    refused: list[Refused]
    positions: dict[str, str]


def read(messages: Iterable[Message], now_us: int, most_bytes: int) -> Batch:
    """Read messages that arrived now; one that is no event is refused, and never raised."""
    batch = Batch([], [], {})
    for message in messages:
        try:
            batch.events.append(parse_event(_object(message.body, most_bytes), now_us))
        except BadEventError as error:
            reason = "; ".join(f"{field} {cause}" for field, cause in error.faults)
            batch.refused.append(_refused(message, now_us, reason, most_bytes))
        if message.position:
            batch.positions[message.partition] = message.position
    return batch


def _object(body: bytes, most_bytes: int) -> object:
    """Return what JSON says. Raises BadEventError."""
    if len(body) > most_bytes:
        fault = f"has {len(body):,} {CUT} {most_bytes:,} are taken"
        raise BadEventError([("message", fault)])
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise BadEventError([("message", "is not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        cause = error.msg.removesuffix(" at")
        fault = f"is not JSON: {cause} at character {error.pos}"
        raise BadEventError([("message", fault)]) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets in brackets
        raise BadEventError([("message", "is not JSON that can be read")]) from None


def _refused(message: Message, now_us: int, reason: str, most_bytes: int) -> Refused:
    body = message.body
    kept = body if len(body) <= most_bytes else body[:KEPT_BYTES]
    text = kept.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return Refused(_place(message), now_us, reason, text)


def _place(message: Message) -> str:
    """Say where a message stands; in a queue it is known by its name, or by its bytes."""
    if message.position:
        return f"{message.partition}@{message.position}" if message.partition else message.position
    name = message.name or blake2b(message.body, digest_size=12).hexdigest()
    return ascii(name)[1:-1][:256]
