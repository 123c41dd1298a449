"""The category tree, from edges that may lack parents or run in circles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = pa.schema(
    [
        ("category_id", pa.string()),
        ("parent_id", pa.string()),
        ("root_id", pa.string()),
        ("path", pa.string()),
        ("depth", pa.int32()),
    ]
)


class Tree(NamedTuple):
    """The tree as a table, and what had to be mended.

    table    columns of `SCHEMA`, by category_id; a root has depth 0 and no parent
    orphans  categories whose parent is none itself; they became roots
    circles  categories at which a circle was cut; they became roots
    """

    table: pa.Table
    orphans: list[str]
    circles: list[str]


def tree_of(parents: Mapping[str, str | None]) -> Tree:
    """Give each category its root, path and depth, from the parent of each."""
    orphans = sorted(c for c, p in parents.items() if p is not None and p not in parents)
    above = {c: None if p not in parents else p for c, p in parents.items()}
    circles = _cut_circles(above)
    places: dict[str, tuple[str, str, int]] = {}
    for category in sorted(above):
        _place(category, above, places)
    names = sorted(above)
    columns = [
        names,
        [above[name] for name in names],
        *([places[name][n] for name in names] for n in range(3)),
    ]
    return Tree(pa.table(columns, schema=SCHEMA), orphans, circles)


def _cut_circles(above: dict[str, str | None]) -> list[str]:
    """Make the smallest category of each circle a root, in place; return them, sorted."""
    done: set[str] = set()
    cut = []
    for start in sorted(above):
        trail: dict[str, None] = {}
        here: str | None = start
        while here is not None and here not in done and here not in trail:
            trail[here] = None
            here = above[here]
        if here is not None and here in trail:
            walked = list(trail)
            smallest = min(walked[walked.index(here) :])
            above[smallest] = None
            cut.append(smallest)
        done.update(trail)
    return sorted(cut)


def _place(
    category: str, above: Mapping[str, str | None], places: dict[str, tuple[str, str, int]]
) -> None:
    """Fill in root, path and depth of a category and of all above it."""
    climb = [category]
    while climb[-1] not in places and (parent := above[climb[-1]]) is not None:
        climb.append(parent)
    for name in reversed(climb):
        parent = above[name]
        if parent is None:
            places[name] = (name, f"/{name}", 0)
        elif name not in places:
            root, path, depth = places[parent]
            places[name] = (root, f"{path}/{name}", depth + 1)
