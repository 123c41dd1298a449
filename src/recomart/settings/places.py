"""Places that settings name: files, or servers by URL, whose passwords are nobody's business."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_SECRET_OPTION = re.compile(r"([?&](?:password|passwd|secret|token)=)[^&\s]*", re.IGNORECASE)


def shown(place: str) -> str:
    """Return a place as it may be shown or logged: without its password."""
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", place))


def scheme_of(place: str) -> str:
    """Return ``redis`` of ``redis://…``; empty for a file."""
    scheme, colon, _ = place.partition("://")
    return scheme if colon else ""
