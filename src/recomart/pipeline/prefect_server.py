"""A Prefect server: the one that Prefect's settings name, or one of our own on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from prefect import get_client
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from recomart.errors import StoreUnavailableError
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"
PATIENCE_S = 120.0
"""The first start makes the server's database."""
STOP_S = 10.0


@contextmanager
def some_server(port: int, log: Path) -> Iterator[str]:
    """Give the URL of a server's API; inside, Prefect speaks to it.

    Where Prefect's settings name none, it is the one that answers on `port` of this machine; where
    none does, one is started, which ends with the block. Raises StoreUnavailableError.
    """
    named = named_server()
    if named is not None:
        yield named
        return
    url = f"http://{HOST}:{port}/api"
    with temporary_settings({PREFECT_API_URL: url}):
        if _answers(url):
            yield url
            return
        with _started(port, url, log):
            yield url


def named_server() -> str | None:
    """Return the API that Prefect's settings name, if any. Raises StoreUnavailableError."""
    url = get_current_settings().api.url
    if url is None:
        return None
    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault is not None:
        raise StoreUnavailableError(f"Prefect's server at {shown(url)}", str(fault))
    return shown(url)


@contextmanager
def _started(port: int, url: str, log: Path) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "prefect", "server", "start")
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(  # noqa: S603 -- our own words
            [*command, "--host", HOST, "--port", str(port)],
            env={**os.environ, "PREFECT_UI_API_URL": url},  # else its pages ask port 4200
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us; the server ends after its last client
        )
    try:
        _wait_for(url, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > end:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            told = lines[-1].strip() if lines else "it said nothing"
            raise StoreUnavailableError("Prefect's server", f"{told} (all of it: {log})")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/health", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success and answer.text == "true"
