"""The ingestion stage: bring data in, byte for byte, into the raw layer."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from recomart.errors import RecomartError
from recomart.lake import Draft, FileEntry, Manifest, folder_of, sha256_of
from recomart.settings import CsvSource, EventLogSource, FileSource
from recomart.sources.event_log import Drain, refused_csv, refused_name
from recomart.sources.files import Found, copy_and_learn, find_files, with_number, write_and_learn
from recomart.sources.folding import are_alike, foldable, folded_name, joined
from recomart.sources.rest import fetch_catalogue
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from recomart.lake import Workbench
    from recomart.settings import RestSource
    from recomart.sources.files import Facts


def ingest(bench: Workbench) -> None:
    """Bring in what is new of every source; each run adds objects, none is ever changed."""
    for name, source in bench.settings.sources.items():
        intake = Intake(bench, name)
        try:
            if isinstance(source, CsvSource):
                intake.take_files(source)
            elif isinstance(source, EventLogSource):
                intake.take_log(source)
            else:
                intake.take_catalogue(source)
        except RecomartError as error:
            bench.log.error("source_failed", source=name, error=error.cause)
            if isinstance(source, FileSource) or intake.before is None:
                raise  # nothing to go on with; a catalogue may be yesterday's
        intake.commit()


def take_file(bench: Workbench, name: str, path: Path) -> int:
    """Bring one more file into a source of files, such as mended rows; return its rows."""
    source = bench.settings.sources[name]
    intake = Intake(bench, name)
    if isinstance(source, FileSource):
        intake.take_file(Found(path, path.name, None), source)
    intake.commit()
    return intake.n_rows


class Intake:
    """New objects of one source, on their way to the next version of its raw data set."""

    def __init__(self, bench: Workbench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.dataset = f"raw_{name}"
        self.before: Manifest | None = bench.lake.find(self.dataset)
        self.draft = Draft(bench.lake, self.dataset)
        for entry in self.before.files if self.before else ():
            self.draft.keep(entry)
        self.n_files = self.n_rows = 0

    def take_files(self, source: CsvSource) -> None:
        """Take every file that was not taken yet."""
        stamps = {stamp for entry in self.draft.files.values() for stamp in known_as_of(entry)}
        for found in find_files(source, self.bench.loaded.path(source.path)):
            if found.date and not self.bench.dates.include(found.date):
                continue
            if found.stamp not in stamps:
                self.take_file(found, source)

    def take_file(self, found: Found, source: FileSource) -> None:
        """Copy one file in, unless its bytes are known already under any name."""
        aside = self.bench.lake.objects.aside()
        stamp = found.stamp
        facts = copy_and_learn(found, aside, source.dialect)
        known = {hash_: one for one in self.draft.files.values() for hash_ in _hashes_of(one)}
        twin = known.get(facts.sha256)
        if twin is not None:
            aside.unlink()
            known_as: list[JsonValue] = [list(one) for one in (*known_as_of(twin), stamp)]
            self.draft.keep(_with_details(twin, known_as=known_as))
            self.bench.log.warning("known_file_skipped", file=found.name, same_as=twin.partition)
            return
        self._adopt_rows(aside, found.name, facts, {"known_as": [[*stamp]], "date": found.date})

    def take_log(self, source: EventLogSource) -> None:
        """Take what the event log has taken since the last time, as one file, and commit."""
        path = self.bench.loaded.path(source.path)
        with closing(Drain(path, self.draft.files.values())) as drain:
            if drain.has_events or self.before is None:  # the first one tells the columns
                self._take_drained(drain, drain.name, drain.blocks(), source)
            if refused := drain.refused():
                name, body = refused_name(drain.name), refused_csv(refused)
                self._take_drained(drain, name, [body], source, {"refused": True})
            self._fold(source)
            self.commit({"positions": drain.positions} if drain.positions else None)
            drain.forget(self.bench.now_us - int(source.dedup_days * DAY_US))

    def _take_drained(
        self,
        drain: Drain,
        name: str,
        blocks: Iterable[bytes],
        source: EventLogSource,
        more: Mapping[str, JsonValue] = MappingProxyType({}),
    ) -> None:
        aside = self.bench.lake.objects.aside()
        facts = write_and_learn(blocks, aside, source.dialect)
        stamp: JsonValue = [[source.path, facts.size, drain.last_seq]]
        details = {"known_as": stamp, "date": None, **drain.details, **more}
        self._adopt_rows(aside, name, facts, details)

    def _fold(self, source: EventLogSource) -> None:
        """Let one file stand for the many that a day before today has; its rows are not new."""
        counted = self.n_files, self.n_rows
        for entries in foldable(self.draft.files.values(), _day(self.bench.now_us)):
            paths = self.bench.lake.paths(entries)
            if not are_alike(paths):
                continue
            aside = self.bench.lake.objects.aside()
            facts = write_and_learn(joined(paths), aside, source.dialect)
            last = entries[-1].details
            self._adopt_rows(aside, folded_name(str(last["name"])), facts, _of_origin(last))
            for entry in entries:
                del self.draft.files[entry.partition]
        self.n_files, self.n_rows = counted

    def take_catalogue(self, source: RestSource) -> None:
        """Fetch a catalogue, unless the last fetch is young enough."""
        if self.before and not self.bench.force and self._age_s() < source.min_interval_s:
            return

        def tell(attempt: int, outcome: str, wait_s: float) -> None:
            self.bench.log.info(
                "fetch_attempted", url=source.url, attempt=attempt, outcome=outcome, wait_s=wait_s
            )

        fetched = fetch_catalogue(source, on_attempt=tell)
        bodies = fetched.bodies
        for number, body in enumerate(bodies, start=1):
            name = "products.json" if len(bodies) == 1 else f"products-page{number:04d}.json"
            aside = self.bench.lake.objects.aside()
            aside.write_bytes(body)
            details: dict[str, JsonValue] = {
                "name": name,
                "known_as": [[source.url.partition("?")[0], len(body), self.bench.now_us]],
                "date": None,
                "ingested_us": self.bench.now_us,
            }
            n_rows = fetched.rows if len(bodies) == 1 else 0
            self._adopt(aside, name, n_rows, sha256_of(aside), len(body), details)

    def _adopt_rows(
        self, aside: Path, name: str, facts: Facts, more: Mapping[str, JsonValue]
    ) -> None:
        """Give a file of rows its place, with what was learned of it."""
        n_rows = max(facts.lines + (not facts.final_newline) - 1, 0)
        details = {"name": name, "ingested_us": self.bench.now_us, **more, **facts.as_details()}
        self._adopt(aside, name, n_rows, facts.sha256, facts.size, details)

    def _age_s(self) -> float:
        taken = [int(str(e.details["ingested_us"])) for e in self.draft.files.values()]
        return (self.bench.now_us - max(taken, default=0)) / 1e6

    def _adopt(
        self,
        aside: Path,
        name: str,
        n_rows: int,
        sha256: str,
        size: int,
        details: dict[str, JsonValue],
    ) -> None:
        """Give the bytes their place: the ingestion date and the file's name, or the next free."""
        day = _day(int(str(details["ingested_us"])))
        number = 1
        while True:
            file = name if number == 1 else with_number(name, number)
            partition = f"{day}/{file}"
            key = f"{folder_of(self.dataset)}/{partition}"
            if partition not in self.draft.files and self._put(key, aside, sha256):
                break
            number += 1
        self.draft.keep(
            FileEntry(
                key=key,
                partition=partition,
                bytes=size,
                rows=n_rows,
                sha256=sha256,
                details=details,
            )
        )
        self.n_files += 1
        self.n_rows += n_rows
        self.bench.log.info("file_ingested", rows=n_rows, file=name, path=key)

    def _put(self, key: str, aside: Path, sha256: str) -> bool:
        """Store under `key`; a run that was killed may have stored the same bytes already."""
        objects = self.bench.lake.objects
        try:
            there = sha256_of(objects.path(key, fresh=True))
        except KeyError:
            return objects.adopt_if_absent(key, aside)
        if there == sha256:
            aside.unlink()
        return there == sha256

    def commit(self, details: Mapping[str, JsonValue] | None = None) -> None:
        """Publish what was taken, if anything was."""
        if self.before is not None and self.draft.files == self.before.by_partition():
            return
        total = sum(entry.rows for entry in self.draft.files.values())
        counts = {"in": total, "new": self.n_rows}
        kept = self.before.details if self.before else {}
        self.before = self.bench.commit(self.draft, counts=counts, details=details or kept)
        self.bench.log.info("rows_ingested", rows=self.n_rows, files=self.n_files, source=self.name)


def known_as_of(entry: FileEntry) -> list[tuple[str, int, int]]:
    """Return the stamps of the files that these bytes were found in."""
    stamps = cast("list[tuple[str, int, int]]", entry.details["known_as"])
    return [(path, size, changed) for path, size, changed in stamps]


def _hashes_of(entry: FileEntry) -> list[str]:
    """Return the hash of a file, and of what it was before somebody was erased from it."""
    return [entry.sha256, *cast("list[str]", entry.details.get("was", []))]


def _of_origin(details: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what a file tells of its origin, not of its bytes."""
    names = ("known_as", "date", "ingested_us", "log_id", "last_seq", "refused")
    return {name: details[name] for name in names if name in details}


def _day(at_us: int) -> str:
    """Write a day as the raw layer's folders are called."""
    return f"{datetime.fromtimestamp(at_us / 1e6, timezone.utc):%Y/%m/%d}"


def _with_details(entry: FileEntry, **details: JsonValue) -> FileEntry:
    return entry.model_copy(update={"details": {**entry.details, **details}})
