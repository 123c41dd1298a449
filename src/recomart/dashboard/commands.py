"""Our own command line, called: for what it does already, and what only it may do."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from recomart.errors import RecomartError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.dashboard.shop import Shop

MAIN = "from recomart.cli import main; main()"
PATIENCE_S = 120.0
_TOLD = re.compile(r"^(RM-\d+): (.*?)\n  remedy: (.*?)$", re.MULTILINE | re.DOTALL)


def call(shop: Shop, *words: str) -> Any:  # noqa: ANN401 - whatever JSON the command answers
    """Call a command with the settings of the shop; return what it answers with --json.

    No shell reads the words. Raises the error that the command told.
    """
    command = [sys.executable, "-c", MAIN, *shop.before, "--json", *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, words bound one by one
            command, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UnavailableError(
            f"`recomart {words[0]}` did not end within {PATIENCE_S:.0f} s.",
            remedy="Call it in a terminal, and look at what it waits for.",
        ) from None
    if done.returncode:
        raise _as_told(words[0], done.stderr)
    return json.loads(done.stdout)


def typed(shop: Shop, *words: str) -> str:
    """Return a command as one would type it, with the options that lead to this shop."""
    return shlex.join(["recomart", *shop.before, *words])


def _as_told(command: str, stderr: str) -> RecomartError:
    """Return the error that a command told, as it was raised there."""
    found = _TOLD.search(stderr)
    if not found:
        last = next(iter(stderr.strip().splitlines()[-1:]), "it said nothing")
        return RecomartError(
            f"`recomart {command}` failed: {last}.", remedy="Call it in a terminal."
        )
    code, cause, remedy = found.groups()
    kind = next((one for one in _kinds(RecomartError) if one.code == code), RecomartError)
    error = kind.__new__(kind)
    RecomartError.__init__(error, cause, remedy=remedy)
    return error


def _kinds(above: type[RecomartError]) -> Iterator[type[RecomartError]]:
    """Yield all kinds of errors."""
    yield above
    for kind in above.__subclasses__():
        yield from _kinds(kind)
