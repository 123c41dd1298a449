"""How each kind of data set holds somebody, and how its files are written without them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.lake import FileEntry, folder_of, sha256_of
from recomart.models.artefact import ARRAYS, DESCRIPTION
from recomart.pipeline.erasing import published, tables
from recomart.pipeline.erasing.messages import Messages, is_of_messages
from recomart.pipeline.erasing.raw import raw_rows, rows_in, write_without
from recomart.pipeline.erasing.reports import NAMES, scrub
from recomart.pipeline.erasing.shown import EXPOSURES, codes_of
from recomart.pipeline.erasing.whose import USER, Whose
from recomart.quality.report import MAX_RAW
from recomart.settings import CsvSource, FileSource
from recomart.sources.files import Facts, write_and_learn
from recomart.sources.stage import known_as_of
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import JsonValue

    from recomart.lake import Draft, Lake, Manifest
    from recomart.settings import Settings

    Rows = dict[str, int]
    """Rows by partition."""


class Somebody:
    """Who is to be erased from a lake, and what is known of them there.

    home  the lake that tells what they did, where this one was packed from it
    """

    def __init__(
        self, lake: Lake, settings: Settings, user_id: str, home: Somebody | None = None
    ) -> None:
        self.lake = lake
        self.home = home
        self.settings = settings
        self.user_id = user_id
        self.more_sessions: set[str] = set()
        """Sessions of theirs that the lake does not know yet."""
        self.counted: dict[tuple[str, str], int] = {}
        """Rows by kind and hash of a file: bytes are counted once, whatever names them."""
        self.latest: tuple[tuple[str, str], dict[str, bytes]] = ("", ""), {}
        """The model that was looked at last, and its files that change: they may be large."""

    def look_again(self) -> None:
        """Forget what was known of them: it was changed. Else like sessions of others would go."""
        self.__dict__.pop("events", None)
        self.latest = ("", ""), {}

    def whose(self, source: str) -> Whose | None:
        """Return what tells their rows of a source; None for one that knows no users."""
        told = self.settings.sources.get(source) or CsvSource(path=source)
        return Whose(told, self.user_id) if told.holds == "events" else None

    def whose_in(
        self, manifest: Manifest, file: FileEntry, *, is_surely: bool = False
    ) -> Whose | None:
        """Return what tells their rows in a raw file; `is_surely`: see `Messages`."""
        if file.details.get("refused"):
            return Messages(self.user_id, is_surely=is_surely)
        return self.whose(_source_of(manifest))

    def path(self, entry: FileEntry) -> Path:
        """Return a file, checked."""
        [path] = self.lake.paths([entry])
        return path

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What they did, as it was prepared, in any version."""
        if self.home:
            return self.home.events
        mask = tables.of_user(self.user_id)
        files = {f.key: f for m in self.lake.history("events") for f in m.files}
        found = [row for f in files.values() for row in tables.rows(self.path(f), mask)]
        return list({str(row["event_id"]): row for row in found}.values())

    @property
    def sessions(self) -> set[str]:
        """The sessions of theirs, as the shop calls them."""
        return {str(row["shop_session_id"]) for row in self.events if row["shop_session_id"]}

    @cached_property
    def codes(self) -> set[str]:
        """What they are called in experiments; known once, since sessions are erased in time."""
        if self.home:
            return self.home.codes
        return codes_of(self.lake, self.user_id, self.sessions | self.more_sessions)

    @cached_property
    def headers(self) -> dict[str, tuple[str, ...] | None]:
        """The columns of raw files, by source and partition: ``events:2026/01/15/day.csv``."""
        found = {}
        for name in self.lake.names():
            source = name.removeprefix("raw_")
            whose = self.whose(source) if name.startswith("raw_") else None
            for entry in (f for m in self.lake.history(name) for f in m.files) if whose else ():
                at = f"{source}:{entry.partition}"
                if whose and at not in found:
                    found[at] = whose.header_of(self.path(entry), packing_of(entry))
        return found

    def is_raw_row(self, file: str, raw: str) -> bool:
        """Tell whether a raw row is theirs, of whichever source; `file` tells of messages."""
        if is_of_messages(file):  # as a page shows it, which may be a part
            return len(raw) >= MAX_RAW or Messages(self.user_id).is_raw_row(raw)
        newest = {at.partition(":")[0]: header for at, header in self.headers.items()}
        known = ((self.whose(source), header) for source, header in newest.items())
        return any(whose.is_raw_row(raw, header) for whose, header in known if whose)


def packing_of(entry: FileEntry) -> str:
    """Return how a raw file is packed."""
    return str(entry.details.get("compression", ""))


class Kind(ABC):
    """A kind of data set."""

    def __init__(self, who: Somebody) -> None:
        self.who = who

    def rows(self, manifest: Manifest) -> Rows:
        """Return how many rows of theirs there are, by partition, where there are any."""
        found = {file.partition: self._counted(manifest, file) for file in manifest.files}
        return {name: n for name, n in found.items() if n}

    def _counted(self, manifest: Manifest, file: FileEntry) -> int:
        at = manifest.name, file.sha256
        if at not in self.who.counted:
            self.who.counted[at] = self.count(manifest, file)
        return self.who.counted[at]

    @abstractmethod
    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """Return how many rows of a file are theirs."""

    @abstractmethod
    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """Put into a draft what takes the place of a file that holds them."""

    def known(self, manifest: Manifest) -> Iterator[dict[str, Any]]:  # noqa: ARG002 -- of some
        """Yield what a version says of them, row by row."""
        return iter(())

    def details(self, manifest: Manifest) -> dict[str, JsonValue]:
        """Return the details of the version that takes the place of one that held them."""
        return manifest.details


class Tables(Kind):
    """Parquet files with a column of users: rows of theirs are left out."""

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        if not file.key.endswith(".parquet") or not tables.has_column(self.who.path(file), USER):
            return 0
        return tables.count(self.who.path(file), self.mask(manifest, file), [USER])

    def mask(self, manifest: Manifest, file: FileEntry) -> tables.Mask:  # noqa: ARG002 -- others do
        """Return what tells their rows in a file."""
        return tables.of_user(self.who.user_id)

    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """See `Kind`."""
        kept = tables.without(self.who.path(file), self.mask(manifest, file))
        entry = draft.add_table(kept, file.partition, made_by=file.made_by)
        draft.keep(entry.model_copy(update={"details": self.facts(file, entry)}))

    def known(self, manifest: Manifest) -> Iterator[dict[str, Any]]:
        """See `Kind`."""
        for file in manifest.files:
            if self._counted(manifest, file):
                yield from tables.rows(self.who.path(file), self.mask(manifest, file))

    def facts(self, file: FileEntry, entry: FileEntry) -> dict[str, JsonValue]:
        """Return the details of the file that takes the place of one."""
        gone = file.rows - entry.rows
        known = cast("dict[str, Any]", file.details)
        lowered: dict[str, Any] = {
            name: known[name] - gone for name in ("rows_in", "valid") if name in known
        }
        if "days" in known:
            days = pq.read_table(self.who.path(entry), columns=["occurred_us"])["occurred_us"]
            lowered["days"] = dict(Counter(str(d) for d in pc.divide(days, DAY_US).to_pylist()))
        return {**known, **lowered}


class Lists(Tables):
    """Rows of the ranker, and the ranks of the same lists, which name no users."""

    def rows(self, manifest: Manifest) -> Rows:
        """See `Kind`."""
        found = super().rows(manifest)
        files = manifest.by_partition()
        if "calibrate" in found and "ranks" in files:
            path = self.who.path(files["ranks"])
            found["ranks"] = tables.count(path, self.mask(manifest, files["ranks"]), ["row"])
        return {name: n for name, n in found.items() if n}

    def mask(self, manifest: Manifest, file: FileEntry) -> tables.Mask:
        """See `Tables`."""
        if file.partition != "ranks":
            return super().mask(manifest, file)
        calibrate = self.who.path(manifest.by_partition()["calibrate"])
        theirs = pq.read_table(calibrate, columns=["row"], filters=[(USER, "==", self.who.user_id)])
        return tables.of_lists(set(theirs["row"].to_pylist()))


class Shown(Tables):
    """Lists that were shown: those of experiments stand under a code."""

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        return tables.count(self.who.path(file), self.mask(manifest, file), ["unit"])

    def mask(self, manifest: Manifest, file: FileEntry) -> tables.Mask:  # noqa: ARG002 -- as above
        """See `Tables`."""
        return tables.of_codes(self.who.codes)


class Quarantine(Tables):
    """Rows as they came, told by the columns of the file that they came in."""

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        if not file.rows or self.who.whose(_source_of(manifest)) is None:
            return 0
        columns = ["file", "rules", "raw"]
        return tables.count(self.who.path(file), self.mask(manifest, file), columns)

    def known(self, manifest: Manifest) -> Iterator[dict[str, Any]]:
        """See `Kind`; of messages those that surely are theirs."""
        for file in manifest.files:
            if self._counted(manifest, file):
                yield from tables.rows(self.who.path(file), self._mask(manifest, is_surely=True))

    def mask(self, manifest: Manifest, file: FileEntry) -> tables.Mask:  # noqa: ARG002 -- as above
        """See `Tables`."""
        return self._mask(manifest)

    def _mask(self, manifest: Manifest, *, is_surely: bool = False) -> tables.Mask:
        source = _source_of(manifest)
        whose = self.who.whose(source)
        assert whose is not None  # noqa: S101 -- else nothing was counted

        def is_theirs(file: str, raw: str) -> bool:
            return whose.is_raw_row(raw, self.who.headers.get(f"{source}:{file}"))

        messages = Messages(self.who.user_id, is_surely=is_surely)
        needle = self.who.user_id if whose.needle else ""
        return tables.of_raw(needle, is_theirs, messages.is_raw_row)


class Raw(Kind):
    """Files as they came: rewritten row by row, under a key of their own."""

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        whose = self.who.whose_in(manifest, file)
        return rows_in(self.who.path(file), packing_of(file), whose) if whose else 0

    def known(self, manifest: Manifest) -> Iterator[dict[str, Any]]:
        """See `Kind`; of messages those that surely are theirs."""
        for file in manifest.files:
            whose = self.who.whose_in(manifest, file, is_surely=True)
            if whose and self._counted(manifest, file):
                for row in raw_rows(self.who.path(file), packing_of(file), whose):
                    yield {"file": file.partition, "raw": row}

    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """See `Kind`; what was learned of the file is learned anew."""
        whose = self.who.whose_in(manifest, file)
        assert whose is not None  # noqa: S101 -- else nothing was counted
        objects = self.who.lake.objects
        written, aside = objects.aside(), objects.aside()
        n_gone = write_without(self.who.path(file), packing_of(file), whose, written)
        facts = _facts_of(written, aside, whose, packing_of(file))
        path = PurePosixPath(file.partition)
        key = f"{folder_of(manifest.name)}/{path.parent}/{_named(path.name, facts.sha256)}"
        was: Iterable[str] = (file.sha256, *cast("list[str]", file.details.get("was", [])))
        details: dict[str, JsonValue] = {
            **file.details,
            **(facts.as_details() if isinstance(whose.source, FileSource) else {}),
            "was": [*was],
            "known_as": _stamps(file, facts.sha256),
        }
        objects.adopt_if_absent(key, aside)
        draft.keep(
            FileEntry(
                key=key,
                partition=file.partition,
                bytes=facts.size,
                rows=max(file.rows - n_gone, 0),
                sha256=facts.sha256,
                made_by=file.made_by,
                details=details,
            )
        )


def _facts_of(written: Path, aside: Path, whose: Whose, compression: str) -> Facts:
    """Learn what a file is like that was written without somebody; it goes to `aside`."""
    source = whose.source
    dialect = source.dialect if isinstance(source, FileSource) else CsvSource(path="").dialect
    with written.open("rb") as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        facts = write_and_learn(blocks, aside, dialect, compression)
    written.unlink()
    return facts


def _stamps(file: FileEntry, sha256: str) -> list[JsonValue]:
    """Return under which names, sizes and times the file is known, of sources that we rewrote."""
    stamps: list[JsonValue] = []
    for name, size, changed in known_as_of(file):
        path = Path(name)
        if path.is_file() and path.stat().st_size != size and sha256_of(path) == sha256:
            size, changed = path.stat().st_size, path.stat().st_mtime_ns  # noqa: PLW2901
        stamps.append([name, size, changed])
    return stamps


def _named(name: str, sha256: str) -> str:
    """Return a name that tells bytes from those that had it before."""
    stem, dot, suffixes = name.partition(".")
    return f"{stem}.{sha256[:12]}{dot}{suffixes}"


def _source_of(manifest: Manifest) -> str:
    return manifest.name.partition("_")[2]


class Reports(Kind):
    """Pages and their data: examples and samples of theirs are left out."""

    def rows(self, manifest: Manifest) -> Rows:
        """See `Kind`."""
        return {name: n for name, (_, n) in self._scrubbed(manifest).items()}

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        return self.rows(manifest).get(file.partition, 0)

    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """See `Kind`."""
        body, _ = self._scrubbed(manifest)[file.partition]
        draft.add_bytes(file.partition, body)

    def _scrubbed(self, manifest: Manifest) -> dict[str, tuple[bytes, int]]:
        files = [file for file in manifest.files if file.partition in NAMES]
        bodies = {file.partition: self.who.path(file).read_bytes() for file in files}
        return scrub(bodies, self.who.user_id, self.who.is_raw_row)


class Models(Kind):
    """Models of one name each: those that keep sessions forget theirs.

    Which those are follows from what they did, which is therefore erased last.
    """

    def rows(self, manifest: Manifest) -> Rows:
        """See `Kind`."""
        return dict.fromkeys(self._changed(manifest), 1)

    def count(self, manifest: Manifest, file: FileEntry) -> int:
        """See `Kind`."""
        return self.rows(manifest).get(file.partition, 0)

    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """See `Kind`."""
        draft.add_bytes(file.partition, self._changed(manifest)[file.partition])

    def _changed(self, manifest: Manifest) -> dict[str, bytes]:
        """Return the files of models that keep sessions of theirs, without these."""
        at = manifest.name, manifest.version
        if self.who.latest[0] != at:
            self.who.latest = at, self._without_sessions(manifest)
        return self.who.latest[1]

    def _without_sessions(self, manifest: Manifest) -> dict[str, bytes]:
        files = manifest.by_partition()
        found: dict[str, bytes] = {}
        for name in files if self.who.events else ():
            stem, _, end = name.rpartition(DESCRIPTION)
            if name.endswith(DESCRIPTION) and not end and f"{stem}{ARRAYS}" in files:
                read = {
                    n: self.who.path(files[f"{stem}{n}"]).read_bytes()
                    for n in (DESCRIPTION, ARRAYS)
                }
                if b"session_starts" in read[DESCRIPTION]:
                    changed = published.model_without(read, self._theirs(manifest))
                    found |= {f"{stem}{n}": body for n, body in changed.items()}
        return found

    def _theirs(self, manifest: Manifest) -> Any:  # noqa: ANN401 -- Interactions
        ids, now_us = self.learned(manifest)
        days = self.who.settings.models.train_days
        return published.did(self.who.events, pq.read_table(ids)["item_id"], now_us, days)

    def learned(self, manifest: Manifest) -> tuple[Path, int]:
        """Return the id map of items that a model goes by, and until when it learned."""
        [id_map] = [p.version for p in manifest.parents if p.name == "id_map"]
        ids = self.who.lake.version("id_map", id_map).by_partition()["items"]
        return self.who.path(ids), int(str(manifest.details["cut_us"]))


class Published(Models):
    """What serves: an id map of users, their histories, models."""

    def rows(self, manifest: Manifest) -> Rows:
        """See `Kind`."""
        if self._place(manifest) < 0:
            return {}
        return {published.USERS: 1, published.HISTORY: 1, **super().rows(manifest)}

    def write(self, manifest: Manifest, file: FileEntry, draft: Draft) -> None:
        """See `Kind`."""
        if file.partition == published.USERS:
            mask = tables.of_user(self.who.user_id)
            draft.add_table(tables.without(self.who.path(file), mask), file.partition)
        elif file.partition == published.HISTORY:
            body = self.who.path(file).read_bytes()
            without = published.history_without(body, self._place(manifest))
            draft.add_bytes(file.partition, without)
        else:
            super().write(manifest, file, draft)

    def details(self, manifest: Manifest) -> dict[str, JsonValue]:
        """See `Kind`."""
        n_users = int(str(manifest.details["n_users"])) - 1
        return {**manifest.details, "n_users": n_users}

    def learned(self, manifest: Manifest) -> tuple[Path, int]:
        """See `Models`."""
        items = self.who.path(manifest.by_partition()["items"])
        return items, int(str(manifest.details["now_us"]))

    def _place(self, manifest: Manifest) -> int:
        users = manifest.by_partition().get(published.USERS)
        return published.place_of(self.who.path(users), self.who.user_id) if users else -1


def kind_of(dataset: str, who: Somebody) -> Kind:
    """Return how a data set is treated."""
    named: Mapping[str, type[Kind]] = {
        "published_model": Published,
        "quality": Reports,
        "evaluation": Reports,
        "training_rows": Lists,
        EXPOSURES: Shown,
    }
    begins = {"raw_": Raw, "quarantined_": Quarantine, "model_": Models}
    found = [kind for start, kind in begins.items() if dataset.startswith(start)]
    return (named.get(dataset) or next(iter(found), Tables))(who)
