"""A shop whose files are brought in and validated as in a run, for tests of the quality room."""

from __future__ import annotations

import json

from recomart.engines import connect
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.quality.quarantine import quarantined_rows
from recomart.quality.stage import validate
from recomart.settings import EngineSettings, Loaded, Settings
from recomart.sources.stage import ingest

NOW_US = 1_767_225_600_000_000  # 2026-01-01
DAY_US = 86_400_000_000
HEADER = b"user_id,item_id,event_type,occurred_at\n"
ANN = b"ann,mug,view,2025-06-01T10:00:00Z\n"
BOB = b"bob,pen,purchase,2025-06-01T11:00:00Z\n"


class Shop:
    """One source `s` in the folder `folder`, over one lake; each `run` ingests and validates."""

    def __init__(self, folder, **source):
        self.folder = folder
        self.lake = Lake(LocalObjects(folder / "lake"))
        self.con = connect(EngineSettings(threads=2), folder / "lake" / ".spill")
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.means(**source)

    def means(self, **source):
        """Change what the settings say of the source."""
        self.max_quarantined = source.pop("max_quarantined", 1.0)
        self.source = {"kind": "csv", "path": "files/*", **source}

    def put(self, name, data):
        (self.files / name).write_bytes(data)
        return self

    @property
    def settings(self):
        quality = {"max_quarantined": self.max_quarantined}
        return Settings.model_validate({"sources": {"s": self.source}, "quality": quality})

    def bench(self, **options):
        options = {"run_id": "r", "now_us": NOW_US, "code_version": "1", **options}
        return Workbench(
            self.lake, self.con, Loaded(self.settings, self.folder), "validation", **options
        )

    def run(self, **options):
        ingest(self.bench(**options))
        validate(self.bench(**options))
        return self

    @property
    def manifest(self):
        return self.lake.latest("valid_s")

    @property
    def counts(self):
        return self.manifest.counts

    def facts(self, key, file=None):
        """What the files' details tell under `key`, by file name; or of one file."""
        told = {e.partition.rpartition("/")[2]: e.details[key] for e in self.manifest.files}
        return told if file is None else told[file]

    @property
    def violations(self):
        [found] = self.facts("violations").values()
        return found

    def valid(self, *columns):
        """Valid rows in their order, file by file: bare values where one column is asked for."""
        table = self.bench().read("valid_s").to_pyarrow().to_pylist()
        rows = [tuple(row[name] for name in columns) for row in table]
        return [row[0] for row in rows] if len(columns) == 1 else rows

    def aside(self):
        """Quarantined rows as (line, rules, raw)."""
        return [(r.line, r.rules, r.raw) for r in quarantined_rows(self.lake, self.settings)]


def as_json(rows):
    return json.dumps(rows).encode()
