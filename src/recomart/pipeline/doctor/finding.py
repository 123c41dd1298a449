"""What a check looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import RecomartError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from recomart.settings import Loaded


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ok      False: something is wrong; True with a remedy: nothing is, but it could be better
    code    of the error, where something is wrong; as in docs/reference/errors.md
    """

    check: str
    ok: bool
    found: str
    code: str | None = None
    remedy: str | None = None

    @classmethod
    def wrong(cls, check: str, error: RecomartError) -> Finding:
        """Make a finding of an error."""
        return cls(check, ok=False, found=error.cause, code=error.code, remedy=error.remedy)

    @classmethod
    def note(cls, check: str, found: str, remedy: str) -> Finding:
        """Say what is not wrong, and what could be done."""
        return cls(check, ok=True, found=found, remedy=remedy)


@dataclass(frozen=True)
class Subject:
    """A shop under examination.

    verify      also read every stored byte
    patience_s  how long a check may take, whatever it waits for
    """

    loaded: Loaded
    verify: bool
    patience_s: float


def guarded(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings; whatever is raised on the way is the last of them."""
    try:
        yield from findings
    except RecomartError as error:
        yield Finding.wrong(check, error)
    except OSError as error:
        cause = f"{error.strerror or error}: {error.filename or check}."
        remedy = "See that it is there, and that this user may read and write it."
        yield Finding.wrong(check, UnavailableError(cause, remedy=remedy))
    except Exception as error:  # noqa: BLE001 - the examination goes on, whatever one check meets
        cause = f"The check failed: {type(error).__name__}: {error}."
        yield Finding.wrong(check, RecomartError(cause, remedy="Please report it."))
