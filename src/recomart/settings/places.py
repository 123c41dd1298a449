"""Places that settings name: files, or servers by URL, whose passwords are nobody's business."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")  # to the last @: it may hold one, unescaped
_TOKEN = re.compile(r"\b((?:nats|tls)://)[^:/@\s]+@")
"""NATS takes what stands there alone as a token."""
_SECRET_OPTION = re.compile(r"([?&](?:password|passwd|secret|token)=)[^&\s]*", re.IGNORECASE)


def shown(place: str) -> str:
    """Return a place as it may be shown or logged: without its password."""
    return _SECRET_OPTION.sub(r"\1***", _TOKEN.sub(r"\1***@", _PASSWORD.sub(r"\1:***@", place)))


def without_secrets(tree: JsonValue) -> JsonValue:
    """Return a tree of settings with the passwords left out of its places."""
    if isinstance(tree, dict):
        return {key: without_secrets(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [without_secrets(value) for value in tree]
    return shown(tree) if isinstance(tree, str) else tree


def scheme_of(place: str) -> str:
    """Return ``redis`` of ``redis://…``; empty for a file."""
    scheme, colon, _ = place.partition("://")
    return scheme if colon else ""
