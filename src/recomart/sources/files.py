"""Files of a source: find them, and copy them byte for byte while learning about them."""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.errors import SourceFileError
from recomart.lake.packed import UNPACK_ERRORS, open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import JsonValue

    from recomart.settings import CsvDialect, CsvSource

BLOCK = 1 << 20
PACKED = {".gz": "gz", ".zst": "zst"}


@dataclass(frozen=True)
class Found:
    """A file that a source points at. `date` is what its name tells, ISO, or None."""

    path: Path
    name: str
    date: str | None

    @property
    def stamp(self) -> tuple[str, int, int]:
        """Path, size and time of change: equal stamps are taken for an unchanged file."""
        status = self.path.stat()
        return (str(self.path), status.st_size, status.st_mtime_ns)


def find_files(source: CsvSource, pattern: Path) -> list[Found]:
    """List the files of a source, by name. Raises SourceFileError if there is none.

    `pattern` is the source's path made absolute: a file, a folder or a glob.
    """
    if pattern.is_dir():
        pattern /= "*"
    root = Path(pattern.anchor)
    paths = sorted(root.glob(str(pattern.relative_to(root))))
    files = [path for path in paths if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise SourceFileError(
            f"No file matches {source.path!r}.",
            remedy="Check the source's `path` in recomart.yaml; it is relative to that file.",
        )
    taken: dict[str, int] = {}
    return [Found(path, _unique(path.name, taken), _date(path, source)) for path in files]


def _unique(name: str, taken: dict[str, int]) -> str:
    """Tell files of the same name in different folders apart."""
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else with_number(name, taken[name])


def with_number(name: str, number: int) -> str:
    """Return ``events-2.csv.gz`` for ``events.csv.gz`` and 2."""
    stem, dot, suffixes = name.partition(".")
    return f"{stem}-{number}{dot}{suffixes}"


def _date(path: Path, source: CsvSource) -> str | None:
    match = re.search(source.date_pattern, path.name) if source.date_pattern else None
    return match.group(match.lastindex or 0) if match else None


@dataclass
class Facts:
    """What was learned of a file while its bytes went by.

    Lines and the rest speak of the unpacked text; `fault` says why it could not
    be unpacked to its end, and what stands here is then what came before.
    """

    sha256: str = ""
    size: int = 0
    compression: str = ""
    unpacked_bytes: int = 0
    lines: int = 0
    has_quote: bool = False
    has_nul: bool = False
    is_utf8: bool = True
    final_newline: bool = True
    fault: str | None = None
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8"), repr=False
    )

    def learn(self, block: bytes, quote: bytes) -> None:
        """Take in the next block of the unpacked text."""
        self.unpacked_bytes += len(block)
        self.lines += block.count(b"\n")
        self.final_newline = block.endswith(b"\n")
        self.has_quote = self.has_quote or quote in block
        self.has_nul = self.has_nul or b"\0" in block
        self.decode(block)

    def decode(self, block: bytes, *, final: bool = False) -> None:
        """Hold the text to UTF-8, also where a character lies across two blocks."""
        if self.is_utf8:
            try:
                self._decoder.decode(block, final)
            except UnicodeDecodeError:
                self.is_utf8 = False

    def as_details(self) -> dict[str, JsonValue]:
        """Return what the raw manifest keeps."""
        hidden = {"sha256", "size", "_decoder"}
        return {name: value for name, value in vars(self).items() if name not in hidden}


def copy_and_learn(found: Found, aside: Path, dialect: CsvDialect) -> Facts:
    """Copy a file byte for byte and return what it is like.

    Raises SourceFileError if unpacking passes the caps of the dialect (a bomb).
    """
    compression = PACKED.get(found.path.suffix.lower(), "")
    with found.path.open("rb") as source:
        blocks = iter(lambda: source.read(BLOCK), b"")
        return write_and_learn(blocks, aside, dialect, compression)


def write_and_learn(
    blocks: Iterable[bytes], aside: Path, dialect: CsvDialect, compression: str = ""
) -> Facts:
    """Write a file and return what it is like; see `copy_and_learn`."""
    facts = Facts(compression=compression)
    quote = dialect.quote.encode()
    digest = hashlib.sha256()
    with aside.open("xb") as target:
        for block in blocks:
            target.write(block)
            digest.update(block)
            facts.size += len(block)
            if not facts.compression:
                facts.learn(block, quote)
    facts.sha256 = digest.hexdigest()
    if facts.compression:
        _learn_packed(aside, facts, dialect)
    facts.decode(b"", final=True)
    return facts


def _learn_packed(path: Path, facts: Facts, dialect: CsvDialect) -> None:
    cap = min(dialect.max_bytes, int(max(facts.size, 1024) * dialect.max_ratio))
    try:
        for block in _unpack(path, facts.compression):
            facts.learn(block, dialect.quote.encode())
            if facts.unpacked_bytes > cap:
                raise SourceFileError(
                    f"A {facts.size:,} byte file unpacks to more than {cap:,} bytes.",
                    remedy="If that is meant, raise `dialect.max_ratio` or `dialect.max_bytes`.",
                )
    except UNPACK_ERRORS as error:
        facts.fault = str(error)


def _unpack(path: Path, compression: str) -> Iterator[bytes]:
    with open_unpacked(path, compression) as stream:
        while block := stream.read(BLOCK):
            yield block
