"""An event as a shop sends it, and the strict reading of it."""

from __future__ import annotations

import math
import re
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from recomart.errors import BadEventError
from recomart.vocabulary import DAY_US, EVENT_TYPES, MINUTE_US, RATE, SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_CHARACTERS = 256
"""Of one text."""
MOST_FAULTS = 32
"""Faults of one event that are told."""
FIRST_US = 946_684_800 * SECOND_US
"""The beginning of 2000: nothing happened before."""
AHEAD_US = 5 * MINUTE_US
"""How far a client's clock may be ahead."""
LEAST_MS, LEAST_US = 10**11, 10**14
"""A number of this size or more counts milliseconds, or microseconds; a smaller one seconds."""

RANGES = {"price": (0.0, 1e12), "quantity": (0.0, 1e9), "rating": (1.0, 5.0)}
"""What a number may be, both ends included."""
TIMES = ("occurred_at", "timestamp")
"""Names of the moment that an event occurred; one of them is given."""

_NEEDED = ("user_id", "item_id", "event_type")
_TEXTS = frozenset(
    (
        "user_id",
        "item_id",
        "event_id",
        "session_id",
        "device",
        "transaction_id",
        "recommendation_id",
    )
)
_FIELDS = frozenset({*_TEXTS, "event_type", *RANGES, *TIMES})
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(\.[0-9]{1,9})?"
    r"(?:[Zz]|([+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]))"
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - both sides of a difference are UTC


class Event(NamedTuple):
    """Something a user did, checked. Texts are as `parse_event` lets them pass; None: not told."""

    event_id: str
    user_id: str
    item_id: str
    event_type: str
    occurred_us: int
    arrived_us: int
    session_id: str | None = None
    device: str | None = None
    price: float | None = None
    quantity: float | None = None
    rating: float | None = None
    transaction_id: str | None = None
    recommendation_id: str | None = None
    """The response in which the item was recommended."""


def parse_event(given: object, now_us: int) -> Event:
    """Read what a JSON object holds; it arrived now. Raises BadEventError with every fault."""
    if not isinstance(given, dict):
        raise BadEventError([("event", "is no object")])
    occurred_us = _occurred_us(given)
    if occurred_us is None or not FIRST_US <= occurred_us <= now_us + AHEAD_US or _is_bad(given):
        raise BadEventError(list(_faults(given, now_us))[:MOST_FAULTS])
    get = given.get
    return Event(
        get("event_id") or derived_id(given, occurred_us),
        given["user_id"],
        given["item_id"],
        given["event_type"],
        occurred_us,
        now_us,
        get("session_id"),
        get("device"),
        get("price"),
        get("quantity"),
        get("rating"),
        get("transaction_id"),
        get("recommendation_id"),
    )


def derived_id(given: Mapping[str, Any], occurred_us: int) -> str:
    """Return the id of an event that came without one: the same for the same event, sent again.

    It begins with the moment, so that ids of one time stand together in the log's index.
    """
    told = f"{given['user_id']}\x1f{given['item_id']}\x1f{given['event_type']}"
    told = f"{told}\x1f{given.get('transaction_id')}"
    return f"{occurred_us:014x}{blake2b(told.encode(), digest_size=10).hexdigest()}"


def _is_bad(given: Mapping[str, Any]) -> bool:
    """Tell whether an event is at fault, its moment aside: a hundred thousand a second pass here.

    What is wrong is for `_faults` to find, once something is.
    """
    for field, value in given.items():
        if field in _TEXTS:
            # the usual text is seen to be fit at once
            if not (
                type(value) is str
                and value.isascii()
                and value.isprintable()
                and 0 < len(value) <= MOST_CHARACTERS
                and value[0] != " " != value[-1]
            ) and _fault_of(field, value):
                return True
        elif field not in TIMES and _fault_of(field, value):
            return True
    return (
        given.get("user_id") is None
        or given.get("item_id") is None
        or given.get("event_type") is None
        or (given["event_type"] == RATE and given.get("rating") is None)
    )


def _faults(given: Mapping[str, Any], now_us: int) -> Iterator[tuple[str, str]]:
    """Yield every fault, as a field and what is wrong with it."""
    for field in _NEEDED:
        if given.get(field) is None:
            yield field, "is missing"
    yield from _faults_of_time(given, now_us)
    for field in sorted(given, key=ascii):
        if fault := _fault_of(field, given[field]):
            yield (field if field in _FIELDS else ascii(field)[:40]), fault
    if given.get("event_type") == RATE and given.get("rating") is None:
        yield "rating", "is missing, and whoever rates gives one"


def _fault_of(field: str, value: object) -> str:
    """Say what is wrong with a value, the moment's aside; empty where nothing is."""
    if field not in _FIELDS:
        return "is not a field of an event"
    if value is None or field in TIMES:
        return ""
    if field == "event_type":
        return "" if value in EVENT_TYPES else f"is none of {', '.join(EVENT_TYPES)}"
    return _fault_of_number(value, *RANGES[field]) if field in RANGES else _fault_of_text(value)


def _fault_of_text(value: object) -> str:
    """Say why a text cannot be kept and compared as it is."""
    if not isinstance(value, str):
        return "is no text"
    if not value.strip():
        return "is empty"
    if len(value) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    if _UNFIT.search(value):
        return "holds a control character or half of a surrogate pair"
    return "begins or ends with white space" if value != value.strip() else ""


def _fault_of_number(value: object, least: float, most: float) -> str:
    """Say why this is no finite number of the range."""
    if type(value) is not float and type(value) is not int:  # a boolean is an int, too
        return "is no number"
    # NaN is nowhere; an int of any size can be compared
    return "" if least <= value <= most else f"is not between {least:g} and {most:g}"


def _faults_of_time(given: Mapping[str, Any], now_us: int) -> Iterator[tuple[str, str]]:
    told = [field for field in TIMES if given.get(field) is not None]
    if len(told) != 1:
        yield TIMES[0], f"and {TIMES[1]} are told both" if told else "is missing"
        return
    at_us = moment_us(given[told[0]])
    if at_us is None:
        yield told[0], "is neither ISO 8601 with a zone nor a number since 1970"
    elif at_us < FIRST_US:
        yield told[0], "is before 2000"
    elif at_us > now_us + AHEAD_US:
        yield told[0], "is more than 5 minutes in the future"


def _occurred_us(given: Mapping[str, Any]) -> int | None:
    """Return when it occurred; None where that is not told once, as it should be."""
    value, other = given.get(TIMES[0]), given.get(TIMES[1])
    if other is None:
        return moment_us(value)
    return moment_us(other) if value is None else None


def moment_us(value: object) -> int | None:
    """Read a moment: ISO 8601 with a zone, or a number since 1970; None where it is neither.

    A number below 10^11 counts seconds, below 10^14 milliseconds, any other microseconds: from
    2000 on these cannot be mistaken for each other.
    """
    if type(value) is str:
        return _iso_us(value)
    if type(value) is int:
        return value * _unit_us(value)
    if type(value) is float and math.isfinite(value):
        return round(value * _unit_us(value))
    return None


def _unit_us(value: float) -> int:
    size = abs(value)
    return SECOND_US if size < LEAST_MS else 1_000 if size < LEAST_US else 1


def _iso_us(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    clock, fraction, zone = match.groups()
    try:
        since = datetime.fromisoformat(clock.upper()) - _EPOCH
    except ValueError:
        return None
    at_us = since.days * DAY_US + since.seconds * SECOND_US
    if fraction:
        at_us += int(fraction[1:7].ljust(6, "0"))
    if zone:
        east_us = (int(zone[1:3]) * 60 + int(zone[-2:])) * MINUTE_US
        at_us += east_us if zone[0] == "-" else -east_us
    return at_us
