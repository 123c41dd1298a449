"""Files are found by path, folder or glob, and described while they are copied."""

import gzip
import os

import pyarrow as pa
import pytest

from recomart.errors import SourceFileError
from recomart.settings import CsvDialect, CsvSource
from recomart.sources.files import copy_and_learn, find_files, with_number

ROWS = b"user_id,item_id\nann,mug\nbob,pen\n"


def facts_of(tmp_path, data, name="a.csv", **dialect):
    path = tmp_path / name
    path.write_bytes(data)
    [found] = find_files(CsvSource(path=name), path)
    return copy_and_learn(found, tmp_path / "copy", CsvDialect(**dialect))


@pytest.mark.parametrize("pattern", ["day-1.csv", "*.csv", "", "**/*.csv"])
def test_a_file_is_found_by_path_folder_or_glob(tmp_path, pattern):
    (tmp_path / "day-1.csv").write_bytes(ROWS)
    (tmp_path / ".hidden.csv").write_bytes(ROWS)

    found = find_files(CsvSource(path=pattern), tmp_path / pattern)

    assert [one.name for one in found] == ["day-1.csv"]


def test_nothing_found_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(SourceFileError, match=r"No file matches 'x/\*.csv'"):
        find_files(CsvSource(path="x/*.csv"), tmp_path / "x" / "*.csv")


def test_a_name_tells_its_date(tmp_path):
    for name in ("2011-01-05.csv", "invoices.csv"):
        (tmp_path / name).write_bytes(ROWS)

    found = find_files(CsvSource(path="*"), tmp_path / "*")

    assert [one.date for one in found] == ["2011-01-05", None]


def test_the_same_name_in_two_folders_is_told_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv.gz").write_bytes(ROWS)

    found = find_files(CsvSource(path="*/*"), tmp_path / "*" / "*")

    assert [one.name for one in found] == ["x.csv.gz", "x-2.csv.gz"]


def test_a_copy_is_byte_for_byte(tmp_path):
    data = bytes(range(256)) * 9000
    facts_of(tmp_path, data)

    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ROWS, {"lines": 3, "final_newline": True, "has_quote": False, "is_utf8": True}),
        (ROWS[:-1], {"lines": 2, "final_newline": False}),
        (b"", {"lines": 0, "unpacked_bytes": 0, "final_newline": True}),
        (b'a\n"x"\n', {"has_quote": True}),
        (b"a\n\0\n", {"has_nul": True}),
        ("a\nÜ🎁\n".encode(), {"is_utf8": True}),
        ("a\nÜ\n".encode("latin-1"), {"is_utf8": False}),
        ("a\nÜ".encode()[:-1], {"is_utf8": False}),
    ],
)
def test_a_plain_file_is_described(tmp_path, data, expected):
    facts = facts_of(tmp_path, data).as_details()

    assert facts.items() >= expected.items()


def test_a_character_across_two_blocks_is_still_utf8(tmp_path):
    assert facts_of(tmp_path, b"a" * ((1 << 20) - 1) + "Ü".encode()).is_utf8


def pack_zst(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(("name", "pack"), [("a.csv.gz", gzip.compress), ("a.csv.zst", pack_zst)])
def test_a_packed_file_is_described_unpacked(tmp_path, name, pack):
    facts = facts_of(tmp_path, pack(ROWS), name)

    assert (facts.lines, facts.unpacked_bytes, facts.fault) == (3, len(ROWS), None)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst"])
def test_a_file_that_is_not_packed_says_so(tmp_path, name):
    assert facts_of(tmp_path, ROWS, name).fault


def test_a_cut_gz_says_so(tmp_path):
    packed = gzip.compress(os.urandom(5000))

    assert facts_of(tmp_path, packed[:2000], "a.csv.gz").fault


def test_a_bomb_is_refused(tmp_path):
    with pytest.raises(SourceFileError, match="unpacks to more than"):
        facts_of(tmp_path, gzip.compress(b"0" * 9_000_000), "a.csv.gz", max_ratio=10)


@pytest.mark.parametrize(
    ("name", "numbered"), [("a.csv", "a-2.csv"), ("a.csv.gz", "a-2.csv.gz"), ("a", "a-2")]
)
def test_a_number_goes_before_the_suffixes(name, numbered):
    assert with_number(name, 2) == numbered
