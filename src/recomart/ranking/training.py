"""The training stage: every model learns from what was known before the test window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from recomart.models.artefact import load, save
from recomart.models.registry import model_kind
from recomart.ranking.content import read_content
from recomart.ranking.interactions import cut_moment, read_events
from recomart.ranking.questions import known_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from recomart.lake import Lake, Manifest, Workbench
    from recomart.models.base import Recommender
    from recomart.models.interactions import Interactions
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import ModelSettings


def train(bench: Workbench) -> None:
    """Fit each model of the settings; write `id_map` and ``model_<name>``."""
    settings = bench.settings
    data = read_events(bench)
    cut_us = cut_moment(data, settings.evaluation)
    content = read_content(bench, data, cut_us).features
    known = known_at(data, cut_us, settings).with_content(content)
    write_ids(bench, data, {"cut_us": cut_us})
    parents = bench.current("events", "categories", "item_history", "id_map")
    for name in settings.models.train:
        model = fit(name, settings.models, known)
        facts: dict[str, JsonValue] = {
            "cut_us": cut_us,
            "n_interactions": int(known.weights.nnz),
            "config": model.config.model_dump(mode="json"),
        }
        write_model(bench, f"model_{name}", model, parents, facts)
        bench.log.info("model_fitted", model=name, interactions=known.weights.nnz)


def fit(name: str, settings: ModelSettings, known: Interactions) -> Recommender:
    """Make the model of that name with its hyper-parameters and fit it."""
    return model_kind(name).make(settings.parameters.get(name, {})).fit(known)


def write_ids(bench: Workbench, data: EventArrays, facts: Mapping[str, JsonValue]) -> None:
    """Write the id maps: row number is index."""
    draft = bench.draft("id_map")
    for name, ids in (("users", data.user_ids), ("items", data.item_ids)):
        table = pa.table({f"{name[:-1]}_id": ids})
        draft.add_table(table.to_reader(), name)
    bench.commit(draft, bench.current("events", "catalogue"), details=facts)


def write_model(
    bench: Workbench,
    dataset: str,
    model: Recommender,
    parents: list[Manifest],
    facts: Mapping[str, JsonValue],
) -> None:
    """Write a fitted model as a data set of its own."""
    draft = bench.draft(dataset)
    for name, data in save(model).items():
        draft.add_bytes(name, data)
    bench.commit(draft, parents, details=facts)


def read_model(lake: Lake, dataset: str) -> Recommender:
    """Load a model, its bytes checked. Raises ArtefactError, DataSetNotFoundError."""
    names = ("model.json", "arrays.npz")
    return load({name: lake.read(dataset, name) for name in names})
