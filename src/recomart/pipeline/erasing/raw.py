"""Raw files without somebody's rows; what is not theirs stays as it is, byte for byte."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, cast

import pyarrow as pa

from recomart.errors import IntegrityError
from recomart.lake.packed import UNPACK_ERRORS, open_unpacked
from recomart.quality.exact import read_objects
from recomart.settings import RestSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.pipeline.erasing.whose import Whose

BLOCK = 1 << 20


def rows_in(path: Path, compression: str, whose: Whose) -> int:
    """Return how many rows of a raw file are theirs. Raises IntegrityError."""
    if not _may_hold(path, compression, whose.needle):
        return 0
    if isinstance(whose.source, RestSource):
        found = read_objects(path.read_bytes(), whose.source.items_key)
        return sum(map(whose.is_object, found or []))
    return len(whose.lines_of(path, compression))


def raw_rows(path: Path, compression: str, whose: Whose) -> list[str]:
    """Return their rows of a raw file, as they came."""
    if isinstance(whose.source, RestSource):
        found = read_objects(path.read_bytes(), whose.source.items_key)
        return [json.dumps(one, ensure_ascii=False) for one in found or [] if whose.is_object(one)]
    spans = whose.lines_of(path, compression)
    wanted = set(chain.from_iterable(spans))
    encoding = whose.source.dialect.encoding
    with open_unpacked(path, compression) as stream:
        lines = enumerate(_lines(stream, compression), start=1)
        held = {
            number: line.decode(encoding, "replace") for number, line in lines if number in wanted
        }
    return ["".join(held[number] for number in span).rstrip("\r\n") for span in spans]


def write_without(path: Path, compression: str, whose: Whose, target: Path) -> int:
    """Write a raw file without their rows; return how many those were. Raises IntegrityError."""
    if isinstance(whose.source, RestSource):
        return _write_objects(path, whose, target)
    spans = whose.lines_of(path, compression)
    gone = set(chain.from_iterable(spans))
    with open_unpacked(path, compression) as stream, _packing(target, compression) as packed:
        for number, line in enumerate(_lines(stream, compression), start=1):
            if number not in gone:
                packed.write(line)
    return len(spans)


def _lines(stream: IO[bytes], compression: str) -> Iterator[bytes]:
    """Yield the lines of a file; of a packed one that is cut, those before the cut."""
    try:
        yield from stream
    except UNPACK_ERRORS:
        if not compression:
            raise


def _write_objects(path: Path, whose: Whose, target: Path) -> int:
    source = cast("RestSource", whose.source)
    body = path.read_bytes()
    flat = read_objects(body, source.items_key) or []
    tree = json.loads(body)
    items = tree[source.items_key] if isinstance(tree, dict) else tree
    kept = [item for item, row in zip(items, flat, strict=True) if not whose.is_object(row)]
    told = {**tree, source.items_key: kept} if isinstance(tree, dict) else kept
    target.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return len(items) - len(kept)


def _may_hold(path: Path, compression: str, needle: bytes) -> bool:
    """Look for bytes, which is quick; where there are none to look for, every file may."""
    if not needle:
        return True
    tail = b""
    try:
        with open_unpacked(path, compression) as stream:
            while block := stream.read(BLOCK):
                if needle in tail + block:
                    return True
                tail = block[-len(needle) :]
    except UNPACK_ERRORS as error:
        if compression:
            return False  # what cannot be unpacked was never taken up; `_packing` would mend it
        raise IntegrityError(
            f"{path.name!r} cannot be read: {error}.", remedy="Restore it from a backup."
        ) from error
    return False


@contextmanager
def _packing(target: Path, compression: str) -> Iterator[IO[bytes]]:
    """Open a file to write unpacked bytes to, so that the same rows give the same bytes."""
    with target.open("wb") as file:
        if compression == "gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif compression == "zst":
            with pa.CompressedOutputStream(pa.PythonFile(file), "zstd") as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield file
