"""What starting and stopping changes: a new state of the data set `experiments`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from recomart.errors import BadInputError, NotFoundError
from recomart.evaluation.published import find_published
from recomart.ranking.aliases import PUBLISHED
from recomart.ranking.assignment import allot, buckets_of, packed, unpacked
from recomart.ranking.experiments import (
    Experiment,
    Variant,
    read_experiments,
    write_experiments,
)

if TYPE_CHECKING:
    from recomart.lake import Lake, Making, Manifest
    from recomart.ranking.experiments import Experiments
    from recomart.settings import Loaded

SALT_BYTES = 16
LOOK = "See `recomart experiment status`."


def started(loaded: Loaded, lake: Lake, name: str, now_us: int, why: str) -> Experiment:
    """Make an experiment of what the settings declare.

    Raises NotFoundError for a name or a model that is not there; BadInputError where it was run
    before, or its layer has no room.
    """
    settings, state = loaded.settings.experiments, read_experiments(lake)
    if name not in settings.tests:
        raise NotFoundError.of("experiment in the settings", name, settings.tests)
    if name in {one.name for one in state.experiments}:
        raise BadInputError(
            f"The experiment {name!r} was started before.",
            remedy="Give it another name: what came of each stays apart from the others.",
        )
    declared = settings.tests[name]
    models = {key: find_published(lake, one.model) for key, one in declared.variants.items()}
    salt = _salt(state)
    shares = {key: one.share for key, one in declared.variants.items()}
    layer, seed = buckets_of(settings.layers[declared.layer]), f"{salt} {name}"
    buckets = allot(layer, _taken(state, declared.unit), declared.share, shares, seed)
    total = sum(map(len, buckets.values()))
    variants = [
        Variant(
            name=key,
            number=models[key].number,
            version=models[key].version,
            share=len(buckets[key]) / total,
            rules=one.rules,
            buckets=packed(buckets[key]),
        )
        for key, one in declared.variants.items()
    ]
    return Experiment(
        name=name, declared=declared, salt=salt, started_us=now_us, variants=(*variants,), why=why
    )


def stopped(lake: Lake, name: str, variant: str | None, now_us: int, why: str) -> Experiment:
    """End an experiment, or one of its variants. Raises NotFoundError, BadInputError."""
    one = read_experiments(lake).one(name)
    if not one.is_running:
        raise BadInputError(f"{name!r} has ended already.", remedy=LOOK)
    if variant is None:
        return one.model_copy(update={"ended_us": now_us, "why": why})
    return without(one, variant, now_us, why)


def without(one: Experiment, variant: str, now_us: int, why: str) -> Experiment:
    """Stop a variant; without the control, or without any other, the experiment has ended.

    Raises NotFoundError, BadInputError where it was stopped before.
    """
    if one.variant(variant).stopped_us is not None:
        raise BadInputError(
            f"The variant {variant!r} of {one.name!r} was stopped before.",
            remedy=LOOK,
        )
    stop = {"stopped_us": now_us, "why": why}
    variants = tuple(v.model_copy(update=stop if v.name == variant else {}) for v in one.variants)
    left = [v for v in variants if v.stopped_us is None]
    is_over = len(left) < 2 or variants[0].stopped_us is not None
    ended = {"ended_us": now_us, "why": f"{variant} was stopped: {why}"} if is_over else {}
    return one.model_copy(update={"variants": variants, **ended})


def put(lake: Lake, making: Making, one: Experiment) -> Manifest:
    """Let a changed experiment be in force; return the newest published model."""
    newest = lake.latest(PUBLISHED)
    write_experiments(lake, making, read_experiments(lake).put(one), [newest.as_parent()])
    return newest


def hold_to_some(lake: Lake) -> None:
    """Raise NotFoundError where no experiment was ever started."""
    if not read_experiments(lake).experiments:
        raise NotFoundError(
            "No experiment was started yet.",
            remedy="Declare one under `experiments.tests`, then `recomart experiment start NAME`.",
        )


def _salt(state: Experiments) -> str:
    """Return the salt of what runs; where nothing does, a new one, so that nothing carries over."""
    return state.running[0].salt if state.running else secrets.token_hex(SALT_BYTES)


def _taken(state: Experiments, unit: str) -> set[int]:
    """Return the buckets that running experiments own, those of stopped variants too."""
    own = [v for one in state.running if one.declared.unit == unit for v in one.variants]
    return {bucket for variant in own for bucket in unpacked(variant.buckets)}
