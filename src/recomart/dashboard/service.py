"""Asking the service, without ever waiting long for it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx

from recomart.client import Client
from recomart.errors import RecomartError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.dashboard.shop import Shop

Answer = TypeVar("Answer")
TIMEOUT_S, PATIENCE_S = 1.0, 1.5
"""For a connection, or the next byte; for an answer in all."""
DOWN_S = 5.0
"""So long it is not asked again after it did not answer."""
_down: dict[str, tuple[float, UnavailableError]] = {}


def ask(shop: Shop, question: Callable[[Client], Answer], url: str = "") -> Answer:
    """Put a question to the service, or to the one at `url`.

    Raises RecomartError: UnavailableError at once where it did not answer a moment ago.
    """
    url = url or shop.loaded.settings.dashboard.api
    since, error = _down.get(url, (0.0, None))
    if error is not None and time.monotonic() - since < DOWN_S:
        raise error
    try:
        answer = _in_time(Client(url, _key(shop), timeout_s=TIMEOUT_S, tries=1), question, url)
    except UnavailableError as late:
        _down[url] = time.monotonic(), late
        raise
    _down.pop(url, None)
    return answer


def ask_again(url: str) -> None:
    """Forget that a service did not answer."""
    _down.pop(url, None)


def _in_time(client: Client, question: Callable[[Client], Answer], url: str) -> Answer:
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(question, client).result(PATIENCE_S)
    except LateError:
        raise UnavailableError(
            f"The service at {url} did not answer within {PATIENCE_S} s.",
            remedy="See how busy it is; `recomart serve` starts one.",
        ) from None
    except RecomartError:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnavailableError(
            f"What answers at {url} is no RecoMart service of this release: "
            f"{type(error).__name__}.",
            remedy="See that `dashboard.api` (or --api) names it; `recomart serve` starts one.",
        ) from error
    finally:
        client.close()  # whoever still waits for a byte waits no more
        pool.shutdown(wait=False)


def _key(shop: Shop) -> str:
    name = shop.loaded.settings.dashboard.key_file
    if not name:
        return ""
    try:
        return Path(shop.loaded.path(name)).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The API key in dashboard.key_file {name!r} cannot be read: {type(error).__name__}.",
            remedy="Make one with `recomart keys create --scope read --name dashboard`.",
        ) from None
