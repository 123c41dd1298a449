"""The counts of the quality report: from the facts of files to the facts of a source.

Nothing is counted anew: every number was found by the one pass of the validation. They are
added up here, and held against each other on the way; numbers that do not fit are not printed.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from recomart.errors import IntegrityError
from recomart.quality.contract import FILE_RULES
from recomart.quality.profile import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

    from recomart.lake import Manifest
    from recomart.settings import Rule

N_WORST = 10
"""Files named in the report, those with most unusable rows first."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = date(1970, 1, 1)


class Outcome(Part):
    """What became of rows: ``rows_in = valid + quarantined + duplicates``."""

    rows_in: int = Field(ge=0)
    valid: int = Field(ge=0)
    quarantined: int = Field(ge=0)
    duplicates: int = Field(ge=0)

    def __add__(self, other: Outcome) -> Outcome:
        """Add up row by row."""
        return Outcome(
            rows_in=self.rows_in + other.rows_in,
            valid=self.valid + other.valid,
            quarantined=self.quarantined + other.quarantined,
            duplicates=self.duplicates + other.duplicates,
        )


NOTHING = Outcome(rows_in=0, valid=0, quarantined=0, duplicates=0)


class FileOutcome(Part):
    """What became of one file's rows."""

    file: str
    date: str | None = Field(description="ISO; of its name, else of its first event")
    rows: Outcome
    warnings: tuple[str, ...] = ()


class DayOutcome(Part):
    """What became of the rows of all files of one date."""

    date: str
    rows: Outcome


class RuleCount(Part):
    """How often a rule was broken; a row that breaks two is counted under both."""

    code: str
    says: str
    action: Literal["quarantine", "report"]
    violations: int = Field(ge=0)
    share: float = Field(ge=0, le=1, description="of the rows in")
    distinct: int | None = Field(None, description="values counted once, where the rule asks it")


class SourceCounts(Part):
    """All counts of one source."""

    rows: Outcome
    n_files: int = Field(ge=0)
    rules: tuple[RuleCount, ...] = Field(description="most violations first")
    worst_files: tuple[FileOutcome, ...]
    dates: tuple[DayOutcome, ...]
    control_sum: float | None
    until: str | None = Field(description="ISO date of the newest valid event")


def count_source(name: str, valid: Manifest, rules: Iterable[Rule]) -> SourceCounts:
    """Add up what the validation counted in each file. Raises IntegrityError."""
    outcomes = [outcome_of(name, file.details) for file in valid.files]
    total = sum((each.rows for each in outcomes), NOTHING)
    _hold(name, "valid rows", total.valid, valid.rows)
    for key, of_manifest in valid.counts.items():
        told = {"in": total.rows_in, **total.model_dump()}.get(key)
        if told is not None:
            _hold(name, key, told, of_manifest)
    details = [file.details for file in valid.files]
    bad = [each for each in outcomes if each.rows.valid < each.rows.rows_in or each.warnings]
    worst = sorted(bad, key=lambda each: (each.rows.valid - each.rows.rows_in, each.file))
    sums = [float(str(each["control_sum"])) for each in details if _is_given(each, "control_sum")]
    days = [int(day) for each in details for day in _counts(each, "days")]
    return SourceCounts(
        rows=total,
        n_files=len(outcomes),
        rules=_count_rules(name, details, rules, total.rows_in),
        worst_files=tuple(worst[:N_WORST]),
        dates=_by_date(outcomes),
        control_sum=round(math.fsum(sums), 6) if sums else None,
        until=_iso(max(days)) if days else None,
    )


def outcome_of(name: str, details: Mapping[str, JsonValue]) -> FileOutcome:
    """Read what became of a file's rows. Raises IntegrityError if it does not add up."""
    file = str(details.get("file", ""))
    numbers = {key: _count(details, key, f"{name}/{file}") for key in Outcome.model_fields}
    rows = Outcome(**numbers)
    _hold(f"{name}/{file}", "rows", rows.valid + rows.quarantined + rows.duplicates, rows.rows_in)
    named = _DATE.search(file)
    days = [int(day) for day in _counts(details, "days")]
    when = named.group() if named else _iso(min(days)) if days else None
    warnings = details.get("warnings")
    told = tuple(str(each) for each in warnings) if isinstance(warnings, list) else ()
    return FileOutcome(file=file, date=when, rows=rows, warnings=told)


def _count_rules(
    name: str, details: list[dict[str, JsonValue]], rules: Iterable[Rule], rows_in: int
) -> tuple[RuleCount, ...]:
    """Add up violations; also of rules that nothing broke, which is news too."""
    known = {rule.code: rule for rule in rules}
    broken: Counter[str] = Counter(dict.fromkeys(known, 0))
    distinct: Counter[str] = Counter()
    for each in details:
        broken.update(_counts(each, "violations"))
        distinct.update(_counts(each, "distinct"))
    for code, n in broken.items():
        if not 0 <= distinct[code] <= n <= rows_in:
            raise _does_not_add_up(f"{name}, rule {code}", f"{n} violations of {rows_in} rows")
    counts = [
        RuleCount(
            code=code,
            says=known[code].says if code in known else _says(code),
            action=known[code].action if code in known else "quarantine",
            violations=n,
            share=round(n / rows_in, 6) if rows_in else 0.0,
            distinct=distinct.get(code),
        )
        for code, n in broken.items()
    ]
    return tuple(sorted(counts, key=lambda each: (-each.violations, each.code)))


def _says(code: str) -> str:
    """Return the sentence of a rule that no contract lists: on files, and on types."""
    if code.startswith("TYPE-"):
        column = code.removeprefix("TYPE-").replace("-", " ").lower()
        return f"the {column} can be read as what it is"
    return FILE_RULES.get(code, "")


def _by_date(outcomes: Iterable[FileOutcome]) -> tuple[DayOutcome, ...]:
    by_date: dict[str, Outcome] = defaultdict(lambda: NOTHING)
    for each in outcomes:
        if each.date is not None:
            by_date[each.date] += each.rows
    return tuple(DayOutcome(date=day, rows=by_date[day]) for day in sorted(by_date))


def _counts(details: Mapping[str, JsonValue], key: str) -> dict[str, int]:
    found = details.get(key)
    return {name: int(str(n)) for name, n in found.items()} if isinstance(found, dict) else {}


def _count(details: Mapping[str, JsonValue], key: str, where: str) -> int:
    found = details.get(key)
    if not isinstance(found, int) or found < 0:
        raise _does_not_add_up(where, f"{key} is {found!r}")
    return found


def _is_given(details: Mapping[str, JsonValue], key: str) -> bool:
    return details.get(key) is not None


def _iso(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _hold(where: str, what: str, found: int, expected: int) -> None:
    if found != expected:
        raise _does_not_add_up(where, f"{what}: {found} against {expected}")


def _does_not_add_up(where: str, what: str) -> IntegrityError:
    return IntegrityError(
        f"The counts of {where} do not add up ({what}); no report was written.",
        remedy="Run `recomart run --force` to validate again; if it stays, report it.",
    )
