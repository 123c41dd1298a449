"""Checks of servers: whether they can be reached, and who listens on ours."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from recomart.errors import SettingsError, UnavailableError
from recomart.pipeline.doctor.finding import Finding, guarded
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.pipeline.doctor.finding import Subject

OPEN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not where to listen
OURS = "urn:recomart:error:"


def reach(url: str, patience_s: float) -> None:
    """Connect to the server of a URL, and no more. Raises UnavailableError, SettingsError."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise SettingsError(
            f"{shown(url)!r} is no URL.", remedy="Mend it in recomart.yaml."
        ) from None
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=patience_s):
            return
    except OSError as error:
        raise UnavailableError(
            f"{parts.hostname}:{port} cannot be reached: {error.strerror or error}.",
            remedy="Start its server, or mend the address; then look again.",
        ) from error


def told(subject: Subject) -> Iterator[Finding]:
    """Look at the servers that are told of runs and requests, as far as settings name any."""
    settings = subject.loaded.settings
    urls = {
        "tracking": settings.tracking.uri if settings.tracking.is_on else "",
        "lineage": settings.lineage.url,
        "traces": settings.serving.otlp,
    }
    for check, url in urls.items():
        if url.startswith("http"):
            yield from guarded(check, _reached(check, url, subject.patience_s / 2))


def _reached(check: str, url: str, patience_s: float) -> Iterator[Finding]:
    reach(url, patience_s)
    yield Finding(check, ok=True, found=f"{shown(url)} can be reached")


def port(subject: Subject) -> Iterator[Finding]:
    """Look who listens where `recomart serve` would: nobody, RecoMart, or somebody else."""
    settings = subject.loaded.settings.serving
    asked = OPEN.get(settings.host, settings.host)
    place = f"{asked}:{settings.port}"
    try:
        with socket.create_connection((asked, settings.port), timeout=1):
            pass
    except OSError:
        _hold_to_free(settings.host, settings.port)
        yield Finding("service", ok=True, found=f"not running; {place} is free")
        return
    yield from _running(place, subject.patience_s / 2)


def _hold_to_free(host: str, number: int) -> None:
    """See that the port could be listened on. Raises UnavailableError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, number))
        except OSError as error:
            raise UnavailableError(
                f"{host}:{number} cannot be listened on: {error.strerror or error}.",
                remedy="Set `serving.host` to an address of this machine, or `serving.port`.",
            ) from error


def _running(place: str, patience_s: float) -> Iterator[Finding]:
    """Ask whoever listens how it is; it is RecoMart if it answers like it."""
    import httpx

    url = f"http://{place}/health"
    try:
        answer = httpx.get(url, timeout=patience_s, trust_env=False)
        body = answer.json()
    except (httpx.HTTPError, ValueError):
        body = None
    if isinstance(body, dict) and str(body.get("type")).startswith(OURS):
        yield Finding("service", ok=True, found=f"RecoMart answers at {place}; it wants a key")
    elif isinstance(body, dict) and "troubles" in body:
        yield _health(place, body)
    else:
        raise UnavailableError(
            f"Something else listens on {place}.",
            remedy="End it, or set another `serving.port` (`recomart serve --port 8080`).",
        )


def _health(place: str, body: dict[str, object]) -> Finding:
    troubles = body["troubles"]
    if isinstance(troubles, list) and troubles:
        cause = f"RecoMart at {place} is degraded: {' '.join(map(str, troubles))}"
        remedy = "Read `/health`, and docs/guide/serving.md on what is out of order."
        return Finding.wrong("service", UnavailableError(cause, remedy=remedy))
    return Finding("service", ok=True, found=f"RecoMart answers at {place}")


def keys(subject: Subject) -> Iterator[Finding]:
    """Look whether the service may listen where it is told to: beyond loopback only with a key."""
    settings = subject.loaded.settings.serving
    if _is_loopback(settings.host) or subject.loaded.path(settings.keys).exists():
        return
    error = SettingsError(
        f"serving.host {settings.host!r} is open to other machines, and there is no API key.",
        remedy="Run `recomart keys create --scope read --name shop`, or listen on 127.0.0.1.",
    )
    yield Finding.wrong("keys", error)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
