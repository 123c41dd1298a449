"""The limits that `make check` keeps, on tiny made-up packages."""

from __future__ import annotations

import ast

import pytest

from scripts import sizes

TIDY = """\
functions     1   median 4  p90 4  p95 4  max 4
files         1   median 9  p90 9  max 9
docstrings 100 % of 2 modules and public names
"""


def function(name, n_lines):
    """A documented function of exactly `n_lines` lines, its docstring not counted."""
    body = "\n".join(f"    x = {i}" for i in range(n_lines - 1))
    return f'def {name}() -> None:\n    """Say.\n\n    More.\n    """\n{body}\n'


@pytest.fixture
def house(tmp_path):
    for room in ("src", "tests"):
        (tmp_path / room).mkdir()
    return tmp_path


def check(house, capsys):
    status = sizes.main([str(house)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_tidy_file_passes_and_its_sizes_are_printed(house, capsys):
    (house / "src/mug.py").write_text('"""Mugs."""\n' + function("pour", 4))

    assert check(house, capsys)[1] == TIDY


def test_an_empty_house_has_nothing_to_blame(house, capsys):
    assert check(house, capsys)[0] == 0


@pytest.mark.parametrize(("n_lines", "status"), [(60, 0), (61, 1)])
def test_no_function_is_longer_than_60_lines(house, capsys, n_lines, status):
    short = "".join(function(f"sip_{i}", 2) for i in range(10))
    (house / "src/mug.py").write_text('"""Mugs."""\n' + short + function("pour", n_lines))

    assert check(house, capsys)[0] == status


@pytest.mark.parametrize(("n_lines", "status"), [(20, 0), (21, 1)])
def test_nine_functions_in_ten_have_at_most_20_lines(house, capsys, n_lines, status):
    (house / "src/mug.py").write_text('"""Mugs."""\n' + function("pour", n_lines))

    assert check(house, capsys)[0] == status


def test_a_file_of_601_lines_is_named(house, capsys):
    (house / "src/mug.py").write_text('"""Mugs."""\n' + "\n" * 600)
    for i in range(20):
        (house / f"src/pen_{i}.py").write_text('"""Pens."""\n')

    assert check(house, capsys)[2] == "src/mug.py: 601 lines, allowed 600\n"


@pytest.mark.parametrize(("n_lines", "status"), [(25, 0), (26, 1)])
def test_a_test_has_at_most_25_lines(house, capsys, n_lines, status):
    (house / "tests/test_mug.py").write_text(function("test_it_pours", n_lines))

    assert check(house, capsys)[0] == status


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\n", "src/mug.py: no docstring"),
        ('"""M."""\nclass Mug:\n    x = 1\n', "src/mug.py.Mug: no docstring"),
        (
            '"""M."""\nclass Mug:\n    """M."""\n    def sip(self) -> int: return 1\n',
            "src/mug.py.Mug.sip: no docstring",
        ),
        ('"""M."""\ndef sip():\n    """S."""\n', "src/mug.py:2 sip: no return type"),
    ],
)
def test_what_says_nothing_of_itself_is_named(house, capsys, source, fault):
    (house / "src/mug.py").write_text(source)

    assert check(house, capsys)[2] == fault + "\n"


def test_private_and_inner_names_need_no_docstring(house, capsys):
    source = '"""M."""\ndef _sip() -> None:\n    def gulp() -> None:\n        return\n    gulp()\n'
    (house / "src/mug.py").write_text(source)

    assert check(house, capsys)[0] == 0


def test_comments_count_and_docstrings_do_not():
    (node,) = ast.parse('def sip():\n    """One.\n\n    Two.\n    """\n    # why\n    x = 1\n').body

    assert sizes.length_of(node) == 3


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.9, 9), (0.95, 10)])
def test_a_percentile_is_one_of_the_values(share, expected):
    assert sizes.percentile(list(range(10, 0, -1)), share) == expected
