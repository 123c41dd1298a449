"""Answering from a packed model: what `mlflow.pyfunc.load_model` imports.

It loads the same arrays and JSON as `recomart recommend`, each held to its sha256; no pickle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from recomart.errors import ArtefactError, BadInputError, IntegrityError, NotFoundError
from recomart.evaluation.tracking.packing import PACKAGE
from recomart.features.online import ColumnTable, OnlineFeatures, open_online
from recomart.lake import Lake, LocalObjects
from recomart.ranking.aliases import PUBLISHED
from recomart.ranking.champion import Champion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from recomart.features.online.read import Key

N_DEFAULT = 10


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> PackedModel:
    """Load a packed model; MLflow calls it by this name.

    model_config  ``{"online": place}`` takes users' features from that online store, and not from
                  the package
    """
    lake = Lake(LocalObjects(Path(path)))
    _check(lake)
    place = (model_config or {}).get("online")
    by_user = OnlineFeatures(open_online(place, Path.cwd())) if place else PackedFeatures(lake)
    return PackedModel(Champion.load(lake, by_user))


class PackedModel:
    """Answers as the champion did when it was published."""

    def __init__(self, champion: Champion) -> None:
        self.champion = champion

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> list[list[dict[str, Any]]]:
        """Return a list for each ``user_id``; `params`: ``n``, ``exclude_seen``.

        A line has the fields of `recomart.ranking.champion.Recommendation`.
        """
        asked = params or {}
        n, exclude_seen = int(asked.get("n", N_DEFAULT)), bool(asked.get("exclude_seen", True))
        return [
            [asdict(one) for one in self.champion.recommend(user, n, exclude_seen=exclude_seen)]
            for user in map(_text, model_input["user_id"])
        ]


class PackedFeatures:
    """Features of users as they were at the publishing, from the package.

    A package of a large shop has none; they are unknown then, unless a store is named.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._tables: dict[str, ColumnTable] = {}

    def matrix(self, view: str, keys: Sequence[Key], features: Sequence[str]) -> NDArray[Any]:
        """See `OnlineFeatures.matrix`."""
        table = self._tables.get(view) or self._read(view)
        # a key of one part is a bare value in a table
        bare: list[Any] = [
            key[0] if isinstance(key, tuple) and len(key) == 1 else key for key in keys
        ]
        return table.take(bare, table.columns_of(features))

    def _read(self, view: str) -> ColumnTable:
        manifest = self.lake.find(view)
        if manifest is None:
            raise NotFoundError.of("packed view", view, self.lake.names())
        by = cast("dict[str, list[str]]", self.lake.latest(PUBLISHED).details["views"])[view]
        self._tables[view] = ColumnTable.read(self.lake, manifest, *by)
        return self._tables[view]


def _text(user_id: object) -> str:
    """Return an id as it was given. MLflow makes one row of a dictionary of lists."""
    if isinstance(user_id, str):
        return user_id
    raise BadInputError(
        f"A user_id is text, and not {type(user_id).__name__}: {str(user_id)[:40]}.",
        remedy="Give a data frame, or a list such as [{'user_id': 'u1'}, {'user_id': 'u2'}].",
    )


def _check(lake: Lake) -> None:
    """See that every manifest that was packed is there as it was written."""
    try:
        packed = dict(json.loads(lake.objects.get(PACKAGE)))
    except (KeyError, ValueError):
        raise ArtefactError(
            "This is no packed model: it has no list of what was packed, or a damaged one.",
            remedy="Load the folder that holds MLmodel, or run `recomart publish` again.",
        ) from None
    for key, expected in packed.items():
        try:
            found = hashlib.sha256(lake.objects.get(key)).hexdigest()
        except KeyError:
            found = "no file"
        if found != expected:
            raise IntegrityError.of_file(key, str(expected), found)
