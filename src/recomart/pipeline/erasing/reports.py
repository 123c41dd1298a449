"""Reports without somebody: where their id stands among examples, and rows of theirs as samples.

Works on the files alone, so that copies in other folders are treated like those in the lake.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from recomart.pipeline.erasing.whose import USER
from recomart.quality.profile import ColumnProfile
from recomart.quality.report_words import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    IsRawRow = Callable[[str, str], bool]
    """Tells by the name of a file, and the text of one of its rows."""

QUALITY, EVALUATION = "data_quality_report", "evaluation"
NAMES = tuple(f"{stem}.{end}" for stem in (QUALITY, EVALUATION) for end in ("json", "html"))
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
ROW = re.compile(r"<tr>.*?</tr>\s*", re.DOTALL)
CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)
RAW = "row as it came"
"""Head of the column of raw rows in a table of samples."""
Scrubbed = dict[str, tuple[bytes, int]]


def scrub(files: Mapping[str, bytes], user_id: str, is_raw_row: IsRawRow) -> Scrubbed:
    """Return those of some reports, by name, that hold somebody: without them, and how often.

    is_raw_row  tells whether a raw row, shown as a sample, is theirs
    """
    found: Scrubbed = {}
    for stem, scrub_tree in ((QUALITY, _scrub_quality), (EVALUATION, _scrub_evaluation)):
        cells: list[tuple[str, str]] = []
        if f"{stem}.json" in files:
            tree = json.loads(files[f"{stem}.json"])
            cells = scrub_tree(tree, user_id)
            if cells:
                body = json.dumps(tree, indent=1, ensure_ascii=False).encode()
                found[f"{stem}.json"] = body, len(cells)
        if f"{stem}.html" in files:
            page = files[f"{stem}.html"].decode()
            changed, n = _scrub_page(page, user_id, is_raw_row, cells)
            if n:
                found[f"{stem}.html"] = changed.encode(), n
    return found


def _scrub_quality(tree: dict[str, Any], user_id: str) -> list[tuple[str, str]]:
    """Take a user off the most frequent ones; return the cells of the page before and after."""
    cells = []
    for source in tree.get("sources", ()):
        for column in source["profile"]["columns"]:
            theirs = [top for top in column["top"] if top["value"] == user_id]
            if column["name"] == USER and theirs:
                before = spread(ColumnProfile.model_validate(column))
                column["top"] = [top for top in column["top"] if top not in theirs]
                cells.append((before, spread(ColumnProfile.model_validate(column))))
    return cells


def _scrub_evaluation(tree: dict[str, Any], user_id: str) -> list[tuple[str, str]]:
    """Take a user out of the examples of the ranker; their rows of the page go by themselves."""
    ranker = tree.get("ranker") or {}
    theirs = [one for one in ranker.get("example", ()) if one[USER] == user_id]
    if theirs:
        ranker["example"] = [one for one in ranker["example"] if one not in theirs]
    return [("", "") for _ in theirs]


def _scrub_page(
    page: str, user_id: str, is_raw_row: IsRawRow, cells: list[tuple[str, str]]
) -> tuple[str, int]:
    """Return a page without a user, and in how many places they stood."""
    n = 0
    for before, after in cells:
        old, new = (f">{escape(cell)}</td>" for cell in (before, after))
        if before != after and old in page:
            page, n = page.replace(old, new), n + page.count(old)

    def without(table: re.Match[str]) -> str:
        nonlocal n
        kept, n_gone = _scrub_table(table[0], user_id, is_raw_row)
        n += n_gone
        return kept

    return TABLE.sub(without, page), n


def _scrub_table(table: str, user_id: str, is_raw_row: IsRawRow) -> tuple[str, int]:
    """Take rows out of a table of users, or of raw rows; others have neither."""
    rows = ROW.findall(table)
    heads = _cells(rows[0]) if rows else []
    if heads[:1] == ["user"]:
        theirs = [row for row in rows[1:] if _cells(row)[:1] == [user_id]]
    elif RAW in heads:
        at = heads.index(RAW)
        parted = [(row, _cells(row)) for row in rows[1:]]
        theirs = [row for row, cells in parted if is_raw_row(cells[0], cells[at])]
    else:
        theirs = []
    for row in theirs:
        table = table.replace(row, "", 1)
    return table, len(theirs)


def _cells(row: str) -> list[str]:
    return [html.unescape(cell) for cell in CELL.findall(row)]
