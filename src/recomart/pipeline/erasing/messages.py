"""Whose a message is that a stream refused: free text, in which an id may be spelled in many ways.

Rather one message too many goes than one too few, for nobody can use what is no event. A message
that cannot be read (no UTF-8, kept only in part, or coded in codes in codes) may be anybody's: it
goes with whoever is erased first. One rule tells this of the event log, raw files, the quarantine
and pages alike.
"""

from __future__ import annotations

import json
import re
from html import unescape
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from recomart.events.streams import CUT
from recomart.lake.packed import open_unpacked
from recomart.pipeline.erasing.whose import USER, Header, Whose
from recomart.quality.exact import StrayQuote, split
from recomart.settings import EventLogSource
from recomart.sources.event_log import REFUSED, REFUSED_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from recomart.events import Refused

MOST_READINGS = 64
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
NAMED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
UNREADABLE = re.compile(r"\\x(?:00|[89a-f][0-9a-f])|\ufffd")
"""Bytes that were no text: as `recomart.stream` writes them, or as decoding leaves them."""
BYTES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no text holds: a message that does is of another format, and its values have no ends."""
POSITION = re.compile(r"[0-9@-]*")


class Messages(Whose):
    """Tells which refused messages are of one user, or may be.

    is_surely  only those that say so in their field `user_id`: what may be told to that user
    """

    def __init__(self, user_id: str, *, is_surely: bool = False) -> None:
        super().__init__(EventLogSource(), user_id)
        self.needle = b""
        self._is_surely = is_surely
        begin, end = ("[^\\W_]" if edge.isalnum() else "" for edge in (user_id[:1], user_id[-1:]))
        before, after = begin and f"(?<!{begin})", end and f"(?!{end})"
        self._token = re.compile(f"{before}{re.escape(user_id)}{after}")

    def is_message(self, message: Refused) -> bool:
        """Tell whether a message is theirs."""
        return self._is_theirs_of(message.place, message.reason, message.message)

    def is_raw_row(self, raw: str, header: Header = REFUSED_HEADER) -> bool:  # noqa: ARG002 -- known
        """Tell whether a raw row is theirs; a part of one may be."""
        try:
            values = split(raw, ",", '"') or ()
        except StrayQuote:
            values = ()
        if len(values) != len(REFUSED_HEADER):
            return not self._is_surely
        told = dict(zip(REFUSED_HEADER, values, strict=True))
        return self._is_theirs_of(told["place"], told["reason"], told["message"])

    def lines_of(self, path: Path, compression: str) -> list[range]:
        """See `Whose`."""
        with open_unpacked(path, compression) as stream:
            return [span for span, raw in _rows(stream) if self.is_raw_row(raw)]

    def _is_theirs_of(self, place: str, reason: str, message: str) -> bool:
        if self._is_surely:
            return _told(message) == self.user_id
        if CUT in reason:
            return True
        texts = (message,) if POSITION.fullmatch(place) else (message, place)
        return any(map(self._may_name, texts))

    def _may_name(self, text: str) -> bool:
        """Tell whether a text has the id as a word, however spelled, or cannot be read."""
        for n, reading in enumerate(_readings(text), start=1):
            is_there = self._token.search(reading) or (
                BYTES.search(reading) and self.user_id in reading
            )
            if is_there or UNREADABLE.search(reading) or n == MOST_READINGS:
                return True
        return False


def is_of_messages(file: str) -> bool:
    """Tell by its name whether a raw file holds messages; see `sources.event_log.refused_name`."""
    return PurePosixPath(file).name.startswith(REFUSED)


def _rows(stream: Iterable[bytes]) -> Iterator[tuple[range, str]]:
    """Yield the lines of every row after the header, and its text: until no quote is open."""
    first, is_open, held = 2, False, list[bytes]()
    for number, line in enumerate(islice(stream, 1, None), start=2):
        held.append(line)
        is_open ^= line.count(b'"') % 2 == 1
        if not is_open:
            yield range(first, number + 1), _text(held)
            first, held = number + 1, []
    if held:
        yield range(first, first + len(held)), _text(held)


def _text(lines: Iterable[bytes]) -> str:
    return b"".join(lines).decode("utf-8", "replace")


def _readings(text: str) -> Iterator[str]:
    """Yield a text as it stands, and as it reads without its codes, one within another."""
    known = [text]
    for one in known:
        yield one
        read = (_plain(one), unescape(one), unquote_plus(one), one.replace('""', '"'))
        known += [new for new in dict.fromkeys(read) if new not in known]


def _plain(text: str) -> str:
    """Read the escapes of JSON, and those of Python."""

    def meant(found: re.Match[str]) -> str:
        four, two, one = found.groups()
        return NAMED.get(one, one) if one else chr(int(four or two, 16))

    joined = ESCAPE.sub(meant, text).encode("utf-16", "surrogatepass")
    return joined.decode("utf-16", "replace")


def _told(message: str) -> str | None:
    """Return the user that a message names; None where it is not JSON that does."""
    try:
        told = json.loads(message)
    except (ValueError, RecursionError):
        return None
    user = told.get(USER) if isinstance(told, dict) else None
    return None if user is None else str(user)
