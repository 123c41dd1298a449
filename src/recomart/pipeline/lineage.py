"""Lineage as people ask for it: by the name of a data set, a model, or a recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.errors import BadInputError, NotFoundError
from recomart.ranking.aliases import find_challenger, find_champion
from recomart.ranking.answers import answered_by, model_version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake import Lake, Lineage, Manifest, Node

ALIASES = {"champion": find_champion, "challenger": find_challenger}
MODEL = "model_"
SHORT = 8
"""Letters of a version that are shown."""


def find_version(
    lake: Lake, name: str, *, version: str | None = None, number: int | None = None
) -> Manifest:
    """Return the version that somebody means; of a data set the current one, if none is said.

    name  a data set; a model (``ials``: ``model_ials``); ``champion`` or ``challenger``; or the id
          of a recommendation

    Raises NotFoundError; BadInputError where the name itself names a version, and another is said.
    """
    is_said = version is not None or number is not None
    if name in ALIASES or model_version_of(name):
        if is_said:
            raise BadInputError(
                f"{name!r} names one version already.",
                remedy="Leave out --version and --number, or ask for `published_model`.",
            )
        return _by_alias(lake, name) if name in ALIASES else answered_by(lake, name)
    dataset = _dataset(lake, name)
    return _chosen(lake, dataset, version, number) if is_said else lake.latest(dataset)


def _by_alias(lake: Lake, alias: str) -> Manifest:
    found = ALIASES[alias](lake)
    if found is None:
        raise NotFoundError(f"There is no {alias} now.", remedy="See `recomart status`.")
    return found


def _dataset(lake: Lake, name: str) -> str:
    known = lake.names()
    for one in (name, MODEL + name):
        if one in known:
            return one
    models = [one.removeprefix(MODEL) for one in known if one.startswith(MODEL)]
    raise NotFoundError.of("data set, model or recommendation", name, [*known, *models, *ALIASES])


def _chosen(lake: Lake, dataset: str, version: str | None, number: int | None) -> Manifest:
    """Return the newest version with this number, and whose version begins so."""
    known = []
    for manifest in lake.newest_first(dataset):
        if number in (None, manifest.number) and manifest.version.startswith(version or ""):
            return manifest
        known.append(f"{manifest.number} ({manifest.version[:SHORT]})")
    wanted = " ".join(str(word) for word in (number, version) if word is not None)
    raise NotFoundError.of(f"version of {dataset!r}", wanted, known)


def outline(lineage: Lineage, *, down: bool = False) -> Iterator[tuple[int, list[Node], bool]]:
    """Yield a lineage as the lines of a tree: depth, versions, whether they stood above already.

    Each version has a line of its own once; below another one, those that are known share a line.
    """
    shown: set[str] = set()
    near = lineage.children if down else lineage.parents

    def lines(node: Node, depth: int) -> Iterator[tuple[int, list[Node], bool]]:
        shown.add(node.key)
        yield depth, [node], False
        known = []
        for one in near(node.key):
            if one.key in shown:
                known.append(one)
            else:
                yield from lines(one, depth + 1)
        if known:
            yield depth + 1, known, True

    for root in lineage.roots:
        yield from lines(lineage.nodes[root], 0)
