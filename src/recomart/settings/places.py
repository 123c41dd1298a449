"""Places that settings name: files, or servers by URL, whose passwords are nobody's business."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

REDIS_PREFIX = "recomart"
"""Of the keys of a shop in Redis, where its URL names none."""
PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "http": 80, "https": 443}
PORTS |= {"kafka": 9092, "nats": 4222, "amqp": 5672}
SAME = {"postgres": "postgresql", "rediss": "redis"}
"""Schemes that lead to the same place as others."""
HERE = ("localhost", "::1", "0.0.0.0", "")  # noqa: S104 - names of this machine
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


def prefix_of(url: str) -> tuple[str, str]:
    """Part ``?prefix=gifts`` from a URL of Redis. Raises ValueError where it is none."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", "") or REDIS_PREFIX
    return parts._replace(query=urlencode(options)).geturl(), prefix


def addresses(place: str, folder: Path) -> list[tuple[str, ...]]:
    """Return a place as words from the outermost to the innermost, for each host that it names.

    Two places with the same words are the same; one that begins with all the words of another
    lies within it. A relative file starts from `folder`. What only a name server knows (two names
    of one machine) is not known here.
    """
    scheme = scheme_of(place)
    if scheme in ("", "file", "sqlite"):
        path = place.partition("://")[2].removeprefix("/") if scheme == "sqlite" else place
        return [("file", *(folder / path.removeprefix("file://")).resolve().parts)]
    parts = urlsplit(place)
    options = dict(parse_qsl(parts.query))
    inner = [word for word in parts.path.split("/") if word]
    if scheme in ("redis", "rediss"):
        database = options.get("db") or (inner[0] if inner else "0")
        inner = [database, *prefix_of(place)[1].split(":")]
    elif scheme in ("postgres", "postgresql"):
        inner = [options.get("dbname") or (inner[0] if inner else parts.username or "")]
    kind = SAME.get(scheme, scheme)
    return [(kind, host, *inner) for host in _hosts(parts, kind, options)]


def _hosts(parts: SplitResult, kind: str, options: dict[str, str]) -> list[str]:
    """Return the hosts of a URL, each with its port; a bucket is named by its name alone."""
    if kind == "s3":
        return [parts.netloc]
    told = options.get("host") or parts.netloc.rpartition("@")[2]
    found = []
    for one in told.split(","):
        host = urlsplit(f"//{one}")
        name = (host.hostname or "").lower()
        port = options.get("port") or host.port or PORTS.get(kind, 0)
        found.append(f"{'127.0.0.1' if name in HERE else name}:{port}")
    return found
