"""Whose the lists are that an experiment showed: they stand under a code, made with its salt.

Whoever has the salt can make the code of anybody again; so these are somebody's data, and are found
by the same code. Without the salt nobody can tell whose they are, we no more than others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.ranking.assignment import place_of
from recomart.ranking.experiments import EXPERIMENTS, experiments_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.lake import Lake

EXPOSURES = "exposures"


def codes_of(lake: Lake, user_id: str, sessions: Iterable[str]) -> set[str]:
    """Return the codes of a user, and of sessions, in all experiments that were ever started."""
    units = [("user", user_id), *(("session", name) for name in sessions)]
    salts = set(_salts(lake).values())
    return {place_of(salt, unit, name)[1] for salt in salts for unit, name in units}


def without_salt(lake: Lake) -> list[str]:
    """Name the experiments of shown lists of which no salt is known any more."""
    files = {file.key: file for one in lake.history(EXPOSURES) for file in one.files}
    paths = lake.paths(files.values())
    named = (pc.unique(pq.read_table(path, columns=["experiment"])["experiment"]) for path in paths)
    found = {name for names in named for name in names.to_pylist() if name}
    return sorted(found - _salts(lake).keys())


def _salts(lake: Lake) -> dict[str, str]:
    """Return the salts by experiment, as far back as versions tell."""
    states = (experiments_in(lake, manifest) for manifest in lake.history(EXPERIMENTS))
    return {one.name: one.salt for state in states for one in state.experiments}
