"""The lake without somebody: every version of every data set that holds them, raw files included.

A version is stated anew in its place, under its number, with files that are without them; those
that held them are deleted once no version names them. See `docs/decisions/0016-erasing.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.lake import Draft, Found, everything, relink, restate, sweep
from recomart.pipeline.erasing.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake import Manifest
    from recomart.pipeline.erasing.kinds import Somebody

COUNTS = {
    "raw_": ("in",),
    "valid_": ("in", "valid"),
    "quarantined_": ("in", "quarantined"),
    "events": ("in", "events"),
}
"""Counts of a version that fall with its rows, by how its name begins."""
LAKE = "lake"
LAST = ("events",)
"""What tells which sessions of a model were theirs goes when these have forgotten them."""


class LakePlace:
    """A lake, or a part of one that was packed for others."""

    def __init__(self, who: Somebody, name: str = LAKE) -> None:
        self.name = name
        self.lake = who.lake
        self.who = who

    def find(self) -> list[Found]:
        """Tell which versions hold them, and in how many rows."""
        return [
            Found(
                place=self.name,
                what=f"{one.name}#{one.number}",
                rows=sum(rows.values()),
                version=one.version,
            )
            for one in everything(self.lake)
            if (rows := kind_of(one.name, self.who).rows(one))
        ]

    def erase(self) -> None:
        """State the versions anew that hold them, and delete what no version names any more."""
        for manifest in self._in_order():
            kind = kind_of(manifest.name, self.who)
            rows = kind.rows(manifest)
            if not rows:
                continue
            draft = Draft(self.lake, manifest.name)
            for file in manifest.files:
                if file.partition in rows:
                    kind.write(manifest, file, draft)
                else:
                    draft.keep(file)
            counts = _lowered(manifest, sum(rows.values()))
            restate(self.lake, manifest, draft.files, counts, kind.details(manifest))
        relink(self.lake)
        sweep(self.lake)
        self.who.look_again()

    def _in_order(self) -> Iterator[Manifest]:
        """Yield all versions; models before what they learned from."""
        manifests = list(everything(self.lake))
        yield from (one for one in manifests if one.name not in LAST)
        yield from (one for one in manifests if one.name in LAST)


def _lowered(manifest: Manifest, n_gone: int) -> dict[str, int]:
    falling = [
        name for start, names in COUNTS.items() if manifest.name.startswith(start) for name in names
    ]
    return {name: n - n_gone if name in falling else n for name, n in manifest.counts.items()}
