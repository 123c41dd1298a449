"""The quarantine: what waits there, and trying it again after a fix."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from recomart.errors import NotFoundError
from recomart.lake.packed import open_unpacked
from recomart.quality.reading import MESSAGE, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake import Lake
    from recomart.settings import Settings


@dataclass(frozen=True)
class Waiting:
    """How many rows of a source break a rule. A row that breaks two is counted under both."""

    source: str
    rule: str
    rows: int
    files: int


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that was put aside: where it stands, what it breaks, its text."""

    source: str
    file: str
    line: int
    rules: str
    raw: str


def waiting(lake: Lake, settings: Settings) -> list[Waiting]:
    """Count what waits, by source and rule, most first."""
    rows: Counter[tuple[str, str]] = Counter()
    files: dict[tuple[str, str], set[str]] = {}
    for one in quarantined_rows(lake, settings):
        for rule in one.rules.split():
            rows[one.source, rule] += 1
            files.setdefault((one.source, rule), set()).add(one.file)
    return [Waiting(*key, n, len(files[key])) for key, n in rows.most_common()]


def quarantined_rows(
    lake: Lake, settings: Settings, *, source: str | None = None, rule: str | None = None
) -> Iterator[QuarantinedRow]:
    """Yield rows in quarantine, of one source or all, breaking one rule or any."""
    if source is not None and source not in settings.sources:
        raise NotFoundError.of("source", source, settings.sources)
    for name in settings.sources if source is None else [source]:
        manifest = lake.find(f"quarantined_{name}")
        for entry in manifest.files if manifest else ():
            if not entry.rows:
                continue
            [path] = lake.paths([entry])
            for row in pq.read_table(path).to_pylist():
                if rule is None or rule in row["rules"].split():
                    yield QuarantinedRow(name, row["file"], row["line"], row["rules"], row["raw"])


def as_csv(lake: Lake, settings: Settings, source: str) -> str:
    """Return the quarantined rows of a source under the header of its newest file, to be mended.

    Quoted values of several lines are kept whole; what is mended is brought in with
    ``recomart quarantine replay --mended FILE``. Messages of a stream that are no events are left
    out: they have no columns.
    """
    rows = [row for row in quarantined_rows(lake, settings, source=source) if row.rules != MESSAGE]
    newest = max(
        (e for e in lake.latest(f"raw_{source}").files if not e.details.get("refused")),
        key=lambda entry: (str(entry.details["ingested_us"]), entry.partition),
    )
    [path] = lake.paths([newest])
    with open_unpacked(path, str(newest.details.get("compression", ""))) as file:
        header = file.readline().decode(encoding_of(settings.sources[source]), "replace")
    lines = [header.removeprefix("\ufeff").rstrip("\r\n"), *(row.raw for row in rows)]
    return "".join(f"{line}\n" for line in lines)
