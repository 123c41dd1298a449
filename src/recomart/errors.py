"""What can go wrong, as a tree.

RecomartError
├── BadInputError            what was given cannot be used as it is
│   ├── SettingsError            recomart.yaml, environment or flags do not fit
│   ├── SourceFileError          a source file cannot be read as what it claims to be
│   ├── ArtefactError            a stored model or encoder is not what it claims to be
│   ├── ContractError            more rows break the contract than it tolerates
│   ├── DefinitionError          a feature is not defined as it should be, or changed in silence
│   ├── FrameError               a table given to the feature store does not fit
│   ├── VersioningError          a snapshot cannot be taken or restored as things stand
│   ├── BadEventError            an event cannot be taken as it is
│   └── RequestError             an HTTP request cannot be answered as it is
├── NotFoundError            what was named is not there
│   └── DataSetNotFoundError
├── NotFittedError           a model was asked before it had learned
├── UnavailableError         something outside did not answer; trying again may help
│   ├── LakeBusyError            another run holds the lake
│   ├── StoreUnavailableError    a store or engine is down, locked or too slow
│   ├── MissingExtraError        an optional library is not installed
│   ├── MissingToolError         a program that this needs is not on the machine
│   ├── AccessDeniedError        a place outside refuses what it is asked
│   ├── DiskFullError            there is no room to write
│   ├── EventLogFullError        no more events are taken now
│   └── BusyError                more is asked than can be answered now
└── IntegrityError           stored bytes are not the bytes that were stored
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class RecomartError(Exception):
    """Something the user can act on: a stable code, the cause, the remedy."""

    code: ClassVar[str] = "RM-000"
    exit_status: ClassVar[int] = 1

    def __init__(self, cause: str, *, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Tell how another process makes it again."""
        return _again, (type(self), self.args, vars(self))

    def __str__(self) -> str:
        """Return both lines, as every door prints them."""
        return f"{self.code}: {self.cause}\n  remedy: {self.remedy}"


def _again(kind: type[RecomartError], args: tuple[object, ...], told: dict[str, object]) -> object:
    error = kind.__new__(kind, *args)
    vars(error).update(told)
    return error


class BadInputError(RecomartError):
    """What was given cannot be used as it is."""

    code = "RM-100"
    exit_status = 2


class SettingsError(BadInputError):
    """The settings do not fit: the key, where it stands, and what would."""

    code = "RM-110"


class SourceFileError(BadInputError):
    """A source file cannot be read as what it claims to be; nothing of it was taken."""

    code = "RM-120"


class ArtefactError(BadInputError):
    """A stored model or encoder is not what it claims to be; nothing was loaded."""

    code = "RM-130"


class ContractError(BadInputError):
    """More rows break the contract than the settings tolerate."""

    code = "RM-140"

    def __init__(self, dataset: str, n_bad: int, n_rows: int, tolerated: float) -> None:
        super().__init__(
            f"{n_bad:,} of {n_rows:,} rows of {dataset!r} break its contract; "
            f"at most {tolerated:.1%} are tolerated.",
            remedy="See `recomart quarantine list`; fix the data or its contract, or raise "
            "`quality.max_quarantined`.",
        )


class DefinitionError(BadInputError):
    """A feature is not defined as it should be, or its definition changed without a new version."""

    code = "RM-150"


class FrameError(BadInputError):
    """A table given to the feature store does not fit; nothing of it was taken."""

    code = "RM-160"


class VersioningError(BadInputError):
    """A snapshot cannot be taken or restored as things stand; nothing was changed."""

    code = "RM-170"


class BadEventError(BadInputError):
    """An event cannot be taken as it is; `faults` pairs each field with what is wrong with it."""

    code = "RM-180"

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        shown = [f"{field} {cause}" for field, cause in self.faults[:8]]
        more = len(self.faults) - len(shown)
        listed = "; ".join([*shown, f"{more} more"] if more else shown)
        super().__init__(
            f"The event cannot be taken: {listed}.",
            remedy="Mend these fields and send it again; the guide on events lists them all.",
        )


class RequestError(BadInputError):
    """An HTTP request cannot be answered as it is; `status` says in which way."""

    code = "RM-190"

    def __init__(
        self,
        status: int,
        cause: str,
        *,
        remedy: str,
        faults: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(cause, remedy=remedy)
        self.status = status
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


class NotFoundError(RecomartError):
    """What was named is not there."""

    code = "RM-200"
    exit_status = 3

    @classmethod
    def of(cls, kind: str, name: str, known: Collection[str]) -> NotFoundError:
        """Say that no `kind` has this name, and offer the nearest one that exists."""
        near = get_close_matches(name, known, n=1)
        listed = ", ".join(sorted(known)[:8]) or "none"
        return cls(
            f"There is no {kind} {name!r}.",
            remedy=f"Did you mean {near[0]!r}?" if near else f"Known: {listed}.",
        )


class DataSetNotFoundError(NotFoundError):
    """The lake holds no committed version of the data set."""

    code = "RM-201"

    def __init__(self, name: str, known: Collection[str]) -> None:
        near = get_close_matches(name, known, n=1)
        super().__init__(
            f"The lake has no data set {name!r} (it has {len(known)}).",
            remedy=f"Did you mean {near[0]!r}?" if near else "Run `recomart run` first.",
        )


class NotFittedError(RecomartError):
    """A model was asked before it had learned."""

    code = "RM-301"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} was asked before it was fitted.", remedy="Call `fit` first, or load one."
        )


class UnavailableError(RecomartError):
    """Something outside did not answer; trying again may help."""

    code = "RM-400"
    exit_status = 4


class LakeBusyError(UnavailableError):
    """Another run holds the lake.

    holder  which, in words
    """

    code = "RM-401"

    def __init__(self, lake: str, holder: str) -> None:
        self.holder = holder
        super().__init__(
            f"Another run writes to the lake {lake!r} ({holder}).",
            remedy="Wait for it to end, or end it; the lease goes with its process.",
        )


class StoreUnavailableError(UnavailableError):
    """A store or an engine is down, locked or too slow; nothing half-written is visible."""

    code = "RM-402"

    def __init__(self, store: str, cause: str) -> None:
        first_line = next(iter(cause.strip().splitlines()), "no word")
        super().__init__(
            f"{store} did not answer: {first_line.rstrip('.')}.",
            remedy="Start it, or wait for whoever locks it; then do the same again.",
        )


class MissingExtraError(UnavailableError):
    """An optional library is not installed."""

    code = "RM-403"

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"This needs {library}, which is not installed.",
            remedy=f"Run `pip install 'recomart[{extra}]'`.",
        )


class MissingToolError(UnavailableError):
    """A program that this needs is not on the machine."""

    code = "RM-404"

    def __init__(self, program: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs {program}, which is not on this machine.",
            remedy=f"Install {program}, or see that PATH leads to it.",
        )


class AccessDeniedError(UnavailableError):
    """A place outside refuses what it is asked: credentials are missing, wrong or too weak."""

    code = "RM-405"

    def __init__(self, place: str, asked: str) -> None:
        super().__init__(
            f"{place} refuses to {asked}.",
            remedy="Look at the credentials and at what they may do; they come from the usual "
            "chain (environment, profile, role), never from recomart.yaml.",
        )


class DiskFullError(UnavailableError):
    """There is no room to write; what was committed stands, and nothing half-written is visible."""

    code = "RM-406"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"There is no room to write: {cause.rstrip('.')}.",
            remedy="Free some of the disk (or raise the quota); then do the same again: it goes on "
            "where it stopped.",
        )


class EventLogFullError(UnavailableError):
    """No more events are taken now: too many wait to be written. None of these was taken."""

    code = "RM-411"

    def __init__(self, waiting: int, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"No more events are taken now: {waiting:,} wait to be written.",
            remedy=f"Send the same events again in {retry_after_s:.0f} s.",
        )


class BusyError(UnavailableError):
    """More is asked than can be answered now; `status` 429: by one caller, 503: by all."""

    code = "RM-412"

    def __init__(self, status: int, cause: str, retry_after_s: float) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(cause, remedy=f"Ask again in {max(1, round(retry_after_s))} s.")


class IntegrityError(RecomartError):
    """Stored bytes are not the bytes that were stored."""

    code = "RM-500"
    exit_status = 5

    @classmethod
    def of_file(cls, key: str, expected: str, found: str) -> IntegrityError:
        """Say which object differs from its manifest, and how to get it back."""
        return cls(
            f"{key!r} has sha256 {found[:12]}…, its manifest says {expected[:12]}….",
            remedy="Restore it from a backup, or run the stage again with `--force`.",
        )
