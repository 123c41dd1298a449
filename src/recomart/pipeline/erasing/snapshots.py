"""Snapshots without somebody: what DVC keeps on this machine of files that held them.

A snapshot that needs what is deleted here cannot be restored any more; a new one can be taken.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from recomart.lake import Found
from recomart.pipeline.erasing import tables
from recomart.pipeline.erasing.messages import Messages
from recomart.pipeline.erasing.raw import rows_in
from recomart.pipeline.erasing.reports import EVALUATION, QUALITY, scrub
from recomart.pipeline.erasing.whose import USER
from recomart.pipeline.versioning.shop import POINTERS, WAREHOUSE
from recomart.sources.event_log import REFUSED_HEADER

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.pipeline.erasing.kinds import Somebody
    from recomart.settings import Loaded

CACHE = ".dvc/cache"
QUARANTINED = {"file", "rules", "raw"}
"""Columns of the quarantine by which it is known."""
PARQUET, SQLITE = b"PAR1", b"SQLite format 3\0"
LIST = ".dir"
"""Ending of a list of files."""


class SnapshotsPlace:
    """DVC's cache in the shop's folder, and the copy of the warehouse; remotes are beyond reach."""

    def __init__(self, loaded: Loaded, who: Somebody) -> None:
        self.name = "snapshots"
        self.who = who
        self.cache = loaded.folder / CACHE
        self.copy = loaded.folder / POINTERS / WAREHOUSE
        self._known: dict[Path, bool] = {}

    def find(self) -> list[Found]:
        """Tell which kept files hold them."""
        return [Found(place=self.name, what=path.name, rows=1) for path in self._holding()]

    def erase(self) -> None:
        """Delete the files, and first the lists that name them: a list never names what is gone."""
        gone = self._holding()
        md5s = {f"{path.parent.name}{path.name}" for path in gone}
        for path in self.cache.rglob(f"*{LIST}"):
            if md5s & {one.get("md5") for one in json.loads(path.read_bytes())}:
                path.unlink()
        for path in gone:
            path.unlink(missing_ok=True)

    def _holding(self) -> list[Path]:
        kept = [path for path in self.cache.rglob("*") if path.is_file() and path.suffix != LIST]
        copies = [self.copy] if self.copy.is_file() else []
        return [path for path in (*kept, *copies) if self._holds(path)]

    def _holds(self, path: Path) -> bool:
        """Tell whether a file holds them; what it is, its first bytes tell, for it has no name."""
        if path not in self._known:
            with path.open("rb") as file:
                begin = file.read(len(SQLITE))
            if begin.startswith(PARQUET):
                self._known[path] = self._in_table(path)
            elif begin == SQLITE:
                self._known[path] = self._in_database(path)
            else:
                self._known[path] = self._in_text(path)
        return self._known[path]

    def _in_table(self, path: Path) -> bool:
        names = pq.read_schema(path).names
        if USER in names:
            return bool(tables.count(path, tables.of_user(self.who.user_id), [USER]))
        if set(names) >= QUARANTINED:
            mask = tables.of_raw("", self.who.is_raw_row, Messages(self.who.user_id).is_raw_row)
            return bool(tables.count(path, mask, sorted(QUARANTINED)))
        if {"experiment", "unit"} <= set(names):
            return bool(tables.count(path, tables.of_codes(self.who.codes), ["unit"]))
        return False

    def _in_database(self, path: Path) -> bool:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as con:
            names = [name for (name,) in con.execute("SELECT name FROM sqlite_master")]
            quoted = ['"' + name.replace('"', '""') + '"' for name in names]
            with_users = [
                name
                for name in quoted
                if any(row[1] == USER for row in con.execute(f"PRAGMA table_info({name})"))
            ]
            query = "SELECT count(*) FROM {} WHERE user_id = ?"
            counts = (con.execute(query.format(n), (self.who.user_id,)) for n in with_users)
            return any(found.fetchone()[0] for found in counts)

    def _in_text(self, path: Path) -> bool:
        messages = Messages(self.who.user_id)
        if messages.header_of(path, "") == REFUSED_HEADER:
            return bool(rows_in(path, "", messages))
        sources = (self.who.whose(name) for name in self.who.settings.sources)
        if any(rows_in(path, "", whose) for whose in sources if whose):
            return True
        body = path.read_bytes()
        if self.who.user_id.encode() not in body:
            return False
        names = [f"{stem}.html" for stem in (QUALITY, EVALUATION)]
        if body.lstrip()[:1] == b"{":
            names = [f"{stem}.json" for stem in (QUALITY, EVALUATION)]
        return any(self._is_report(name, body) for name in names)

    def _is_report(self, name: str, body: bytes) -> bool:
        try:
            return bool(scrub({name: body}, self.who.user_id, self.who.is_raw_row))
        except (ValueError, KeyError, TypeError, AttributeError):  # another JSON file, or no text
            return False
