"""The picture of a lineage: a box for each version, or for all of a kind, where there are many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.pages import Box, flow
from recomart.pages.canvas import short
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from recomart.lake import Lineage, Node

MOST_BOXES = 18
"""Above it, data sets of one kind are drawn as one box, kind by kind."""
KINDS = {"model_": "models", "quarantined_": "quarantined", "valid_": "valid", "raw_": "raw"}
"""Beginning of a name → kind."""
VIEWS = "feature views"
NO_VIEWS = ("feature_page", "feature_registry", "training_rows")
"""Data sets beside the views in their layer."""
SHORT = 8
"""Letters of a version that are shown."""


def picture(lineage: Lineage) -> str:
    """Draw a lineage; kinds of data sets become one box each, where there are many."""
    boxes = {key: _box(node) for key, node in lineage.nodes.items()}
    place = {key: key for key in boxes}
    for kind in ("models", VIEWS, "quarantined", "valid", "raw"):
        if len(boxes) > MOST_BOXES:
            _join(kind, lineage, boxes, place)
    arrows = {(place[start], place[end]) for start, end in lineage.edges}
    roots = [lineage.nodes[key].name for key in lineage.roots]
    says = f"Lineage of {roots[0] if len(roots) == 1 else f'{len(roots)} data sets'}"
    order = sorted(boxes.values(), key=lambda box: (LAYERS.index(box.kind), box.key))
    return flow(order, arrows, says)


def _box(node: Node) -> Box:
    there = node.manifest
    if there is None:
        note = f"{node.version[:SHORT]} · not in the lake"
        return Box(node.key, node.name, note, node.layer, is_faint=True)
    rows = f" · {short(there.rows)} rows" if there.rows else ""
    return Box(node.key, node.name, f"{there.version[:SHORT]}{rows}", node.layer)


def _join(kind: str, lineage: Lineage, boxes: dict[str, Box], place: dict[str, str]) -> None:
    """Put one box in the place of all of a kind."""
    members = [node for key, node in lineage.nodes.items() if _kind(node) == kind]
    if len(members) < 2:
        return
    for node in members:
        boxes.pop(node.key)
        place[node.key] = kind
    n_rows = sum(node.manifest.rows for node in members if node.manifest)
    note = f"{short(n_rows)} rows" if n_rows else "one box for all"
    boxes[kind] = Box(kind, f"{kind} ({len(members)})", note, members[0].layer)


def _kind(node: Node) -> str:
    """Return the kind of data set that a node is of, in words."""
    for start, kind in KINDS.items():
        if node.name.startswith(start):
            return kind
    is_view = node.layer == "features" and node.name not in NO_VIEWS
    return VIEWS if is_view else ""
