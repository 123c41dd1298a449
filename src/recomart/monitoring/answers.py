"""Lists as they were, or would be, at any moment: from histories and features as known then.

What a champion learned stays what it is; histories and features come from the events, so no list
knows what happened after its moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from recomart.engines import open_engine
from recomart.features.offline import OfflineStore
from recomart.models.artefact import load
from recomart.models.sequences import Sequences, recommend_for
from recomart.ranking.cascade import Cascade
from recomart.ranking.content import read_content
from recomart.ranking.knowing import Knowing
from recomart.ranking.ranker import Ranker
from recomart.settings import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from recomart.lake import Lake, Manifest, Workbench
    from recomart.models.base import Recommender, TopN
    from recomart.models.interactions import Interactions
    from recomart.ranking.interactions import EventArrays
    from recomart.ranking.questions import Question

MODEL_FILES = ("model.json", "arrays.npz")


@dataclass(frozen=True)
class Asked:
    """Users with what they had done by a moment, a row each; a `Question` is one, too."""

    users: NDArray[np.int32]
    history: csr_array
    sequences: Sequences

    @classmethod
    def of(cls, known: Interactions, users: NDArray[np.int32]) -> Asked:
        """Ask about users as they are known."""
        return cls(users, known.weights[users], Sequences.of_users(known, users))


@dataclass(frozen=True)
class Answerer:
    """Fitted models that answer together, as a champion does.

    cascade   what orders the candidates of the models; none: the one model does
    item_ids  the items that they know, in their order
    at_us     the moment until which they learned
    """

    models: Mapping[str, Recommender]
    cascade: Cascade | None
    item_ids: pa.Array
    at_us: int

    @classmethod
    def published(cls, lake: Lake, manifest: Manifest) -> Answerer:
        """Load a published model."""
        names = _models_of(manifest)
        parts = {name: [f"{name}.{file}" for file in MODEL_FILES] for name in names}
        models = {name: _load(lake, manifest, files) for name, files in parts.items()}
        items = _ids(lake, manifest, "items", "item_id")
        at_us = int(str(manifest.details["now_us"]))
        return cls(models, _cascade(lake, manifest, models), items, at_us)

    @classmethod
    def evaluated(cls, lake: Lake, manifest: Manifest) -> Answerer:
        """Load the same models as they were before the test window, when they were judged.

        Raises DataSetNotFoundError where a version is no more.
        """
        made_from = {one.name: one.version for one in manifest.parents}
        evaluation = lake.version("evaluation", made_from["evaluation"])
        of = {one.name: one.version for one in evaluation.parents}
        models = {
            name: _load(lake, lake.version(f"model_{name}", of[f"model_{name}"]), MODEL_FILES)
            for name in _models_of(manifest)
        }
        id_map = lake.version("id_map", of["id_map"])
        items, at_us = _ids(lake, id_map, "items", "item_id"), int(str(id_map.details["cut_us"]))
        return cls(models, _cascade(lake, manifest, models), items, at_us)

    def over(self, data: EventArrays) -> EventArrays:
        """Return events over the items of the models, and after these the ones they do not know."""
        place = pc.index_in(data.item_ids, value_set=self.item_ids)
        new = data.item_ids.filter(place.is_null())
        places = place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        places[places < 0] = len(self.item_ids) + np.arange(len(new), dtype=np.int32)
        return replace(
            data, item_ids=pa.concat_arrays([self.item_ids, new]), items=places[data.items]
        )

    def lists(
        self, bench: Workbench, data: EventArrays, asked: Asked | Question, at_us: int, n: int
    ) -> TopN:
        """Rank `n` items for each user as of a moment; `data` is what `over` returned."""
        exclude_seen = bench.settings.evaluation.exclude_seen
        n_items = len(self.item_ids)
        history = csr_array(asked.history[:, :n_items])
        sequences = replace(asked.sequences.kept(asked.sequences.items < n_items), n_items=n_items)
        if self.cascade is None:
            [model] = self.models.values()
            return recommend_for(model, history, sequences, n, exclude_seen=exclude_seen)
        content = read_content(bench, data, at_us)
        with open_engine(bench.settings.engine, bench.con, bench.spill) as engine:
            store = OfflineStore(engine, bench.lake, bench.settings.features)
            knowledge = Knowing(store, bench.lake, bench.settings.features, data).at(
                asked, content, at_us, with_seen=not exclude_seen
            )
        ranked = self.cascade.rank(
            asked.users, history, sequences, knowledge, exclude_seen=exclude_seen
        )
        return ranked.top(n)


def _models_of(manifest: Manifest) -> list[str]:
    return list(cast("dict[str, Any]", manifest.details)["models"])


def _load(lake: Lake, manifest: Manifest, files: Sequence[str]) -> Recommender:
    bodies = [lake.read_file(manifest, name) for name in files]
    return load(dict(zip(MODEL_FILES, bodies, strict=True)))


def _cascade(lake: Lake, manifest: Manifest, models: Mapping[str, Recommender]) -> Cascade | None:
    """Load what orders the candidates, where the published model has it."""
    if Ranker.FILES[0] not in manifest.by_partition():
        return None
    ranker = Ranker.from_files({name: lake.read_file(manifest, name) for name in Ranker.FILES})
    told = RankingSettings.model_validate(manifest.details["ranking"])
    return Cascade(models, ranker, told)


def _ids(lake: Lake, manifest: Manifest, partition: str, column: str) -> pa.Array:
    [path] = lake.paths([manifest.by_partition()[partition]])
    return pq.read_table(path, columns=[column])[column].combine_chunks().cast(pa.string())
