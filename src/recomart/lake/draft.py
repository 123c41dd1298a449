"""A version in the making: files are written aside; the manifest makes them a data set."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from recomart.lake.lake import folder_of, sha256_of
from recomart.lake.manifest import FileEntry, Manifest, content_version
from recomart.vocabulary import layer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from recomart.lake.lake import Lake
    from recomart.lake.manifest import Making, Parent

ROW_GROUP = 262_144
"""Rows to a Parquet row group; batches are cut to it, so that bytes depend on rows alone."""


class Draft:
    """Collects the files of one new version of a data set; `commit` publishes them at once.

    Files are named by their content, so writing the same rows again changes
    nothing, and a run that was killed leaves only files that no manifest names.
    """

    def __init__(self, lake: Lake, dataset: str) -> None:
        self.lake = lake
        self.dataset = dataset
        self.files: dict[str, FileEntry] = {}
        self.columns: dict[str, str] = {}

    def keep(self, entry: FileEntry) -> None:
        """Take over a file of an earlier version as it is."""
        self.files[entry.partition] = entry

    def add_table(
        self,
        batches: pa.RecordBatchReader,
        partition: str = "",
        *,
        made_by: str = "",
        details: Mapping[str, JsonValue] | None = None,
    ) -> FileEntry:
        """Write rows as one Parquet file. Bytes depend on the rows and their order alone."""
        aside = self.lake.objects.aside()
        n_rows = _write_parquet(aside, batches)
        self.columns = {field.name: str(field.type) for field in batches.schema}
        return self._adopt(aside, partition, "parquet", n_rows, made_by, details or {})

    def add_bytes(self, partition: str, data: bytes, *, rows: int = 0) -> FileEntry:
        """Write a file as it is (a page, a picture, JSON, arrays); `partition` is its name."""
        aside = self.lake.objects.aside()
        aside.write_bytes(data)
        suffix = partition.rpartition(".")[2]
        return self._adopt(aside, partition, suffix, rows, "", {})

    def _adopt(
        self,
        aside: Path,
        partition: str,
        suffix: str,
        n_rows: int,
        made_by: str,
        details: Mapping[str, JsonValue],
    ) -> FileEntry:
        digest, size = sha256_of(aside), aside.stat().st_size
        key = f"{folder_of(self.dataset)}/files/{digest[:24]}.{suffix}"
        self.lake.objects.adopt_if_absent(key, aside)
        entry = FileEntry(
            key=key,
            partition=partition,
            bytes=size,
            rows=n_rows,
            sha256=digest,
            made_by=made_by,
            details=dict(details),
        )
        self.keep(entry)
        return entry

    def commit(
        self,
        making: Making,
        parents: Iterable[Parent] = (),
        counts: Mapping[str, int] | None = None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> Manifest:
        """Publish the version. What was current before stays readable."""
        before = self.lake.find(self.dataset)
        files = tuple(self.files[name] for name in sorted(self.files))
        manifest = Manifest(
            name=self.dataset,
            layer=layer_of(self.dataset),
            number=1 if before is None else before.number + 1,
            version=content_version(files, details or {}),
            files=files,
            columns=self.columns or (before.columns if before else {}),
            counts=dict(counts or {}),
            **making.model_dump(),
            created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            parents=tuple(parents),
            details=dict(details or {}),
        )
        self.lake.publish(manifest)
        return manifest


def _write_parquet(path: Path, batches: pa.RecordBatchReader) -> int:
    n_rows = 0
    with pq.ParquetWriter(
        path, batches.schema, compression="zstd", compression_level=1, write_page_checksum=True
    ) as writer:
        for table in _even(batches):
            # an engine's own integer may be wider than the type the expression promised
            writer.write_table(table.cast(batches.schema), row_group_size=ROW_GROUP)
            n_rows += table.num_rows
    return n_rows


def _even(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Cut and join batches of any size to tables of `ROW_GROUP` rows, the last one shorter."""
    held: list[pa.RecordBatch] = []
    n_held = 0
    for batch in batches:
        held.append(batch)
        n_held += batch.num_rows
        while n_held >= ROW_GROUP:
            table = pa.Table.from_batches(held)
            yield table.slice(0, ROW_GROUP).combine_chunks()
            rest = table.slice(ROW_GROUP)
            held, n_held = rest.to_batches(), rest.num_rows
    if n_held:
        yield pa.Table.from_batches(held).combine_chunks()
