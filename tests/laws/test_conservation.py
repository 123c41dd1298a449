"""Law: rows in = valid + quarantined + duplicates, whatever stands in the files."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recomart.quality.quarantine import quarantined_rows
from recomart.quality.reading import RawFile
from tests.quality.shop import HEADER, Shop

GOOD_IDS = st.sampled_from(["ann", "bob", "", " ", "☕️", "a,b", 'the "big" one', "two\nlines", "é"])
TIMES = st.sampled_from(["2025-06-01", "2025-06-02T10:00:00Z", "soon", "", "2031-01-01", "1e309"])
TYPES = st.sampled_from(["view", "purchase", "gaze", ""])
PARTS = [
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\0",
    b"\xff",
    b"x",
    "é".encode(),
    b"view",
    b'""',
]

ODD = [b' "x"', b'"x" ', b'x"y', b'"x"y', b'""', b'"', b" x", b"x ", b'\\"x', b'"x\\"', b"x\ry"]
ODD += [b'"x\ty"', b"view", b"2025-06-01", b"", b"", b"ann", b"''", b'"a""b"', b'"\n"']


def _row(values):
    quoted = (
        '"' + value.replace('"', '""') + '"' if set(value) & set(',"\n') else value
        for value in values
    )
    return (",".join(quoted) + "\n").encode()


rows = st.tuples(GOOD_IDS, GOOD_IDS, TYPES, TIMES).map(_row)
odd_rows = st.lists(st.sampled_from(ODD), min_size=4, max_size=4).map(b",".join)
noise = st.lists(st.sampled_from(PARTS), max_size=8).map(b"".join)
bodies_of_files = st.lists(
    st.lists(rows | odd_rows.map(lambda row: row + b"\n") | noise, max_size=6).map(b"".join)
    | st.lists(rows | odd_rows.map(lambda row: row + b"\n"), max_size=3).map(b"".join),
    min_size=1,
    max_size=6,
)
few = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def validated(bodies, **source):
    """Validate files of these bodies under one header in a shop of their own."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), **source)
        for number, body in enumerate(bodies):
            shop.put(f"{number}.csv", HEADER + body)
        yield shop.run()
        shop.con.disconnect()


@contextmanager
def slow_reading():
    """Take every file for an irregular one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RawFile, "looks_regular", lambda *_: False)
        yield


@few
@given(bodies_of_files, st.sampled_from(["required", "optional"]))
def test_every_row_that_comes_in_goes_to_exactly_one_place(bodies, final_newline):
    with validated(bodies, dialect={"final_newline": final_newline}) as shop:
        for entry in shop.manifest.files:
            told = {k: entry.details[k] for k in ("rows_in", "valid", "quarantined", "duplicates")}

            assert all(n >= 0 for n in told.values())
            assert told.pop("rows_in") == sum(told.values())
            assert told["valid"] == entry.rows
        total = dict(shop.counts)
        assert total.pop("in") == sum(total.values())
        assert total["quarantined"] == len(shop.aside())


@few
@given(bodies_of_files)
def test_a_quarantined_row_stands_in_its_file_where_it_is_said_to(bodies):
    with validated(bodies) as shop:
        for row in quarantined_rows(shop.lake, shop.settings):
            # a NUL is shown as a picture of itself, bytes that are no text as a question mark
            data = (shop.files / row.file.rpartition("/")[2]).read_bytes()
            lines = data.decode("utf-8", "replace").replace("\0", "␀").split("\n")
            there = lines[row.line - 1 : row.line + row.raw.count("\n")]

            assert "\n".join(there).rstrip("\r") == row.raw.rstrip("\r")


@few
@given(bodies_of_files)
def test_no_line_is_lost(bodies):
    with validated(bodies) as shop:
        for name, n_rows in shop.facts("rows_in").items():
            body = (shop.files / name).read_bytes().removeprefix(HEADER)
            n_lines = sum(1 for line in body.split(b"\n") if line.strip(b"\r"))

            # only a quoted value can make a row of several lines
            assert n_rows <= n_lines if b'"' in body else n_rows == n_lines


@few
@given(bodies_of_files)
def test_slow_and_fast_reading_agree(bodies):
    with validated(bodies) as fast, slow_reading(), validated(bodies) as slow:
        assert fast.counts == slow.counts
        assert fast.facts("violations") == slow.facts("violations")
        assert fast.aside() == slow.aside()
        assert fast.manifest.version == slow.manifest.version
