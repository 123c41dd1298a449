"""A past run done again, from the raw data that it had, in a lake of its own beside the shop's."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.errors import BadInputError, LakeBusyError
from recomart.lake import Dates, LocalObjects, folder_of, open_lake
from recomart.lake.lease import lease
from recomart.pipeline.runner import open_session
from recomart.pipeline.stages import STAGES, in_order
from recomart.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.lake import Lake, Manifest
    from recomart.pipeline.record import RunRecord, StageRecord
    from recomart.pipeline.stages import Stage
    from recomart.settings import Loaded

PLACE = "reproduce-"
BROUGHT = "ingest"
"""The stage that is not done again: what it brought in is taken as it was."""


@dataclass(frozen=True)
class Remade:
    """A data set of a past run beside the same one made again."""

    dataset: str
    recorded: str
    made: str | None
    is_same: bool
    is_same_code: bool


def reproduce(loaded: Loaded, record: RunRecord) -> list[Remade]:
    """Do a run again with its settings, its moment and its raw data; compare what is made.

    The shop's lake is only read. Raises BadInputError for a run that left nothing to do again,
    DataSetNotFoundError where the lake no longer has what it started from.
    """
    again = [stage for stage in in_order(STAGES) if _is_comparable(stage, record)]
    if not again:
        raise BadInputError(
            f"The run {record.run_id} left no data set that could be made again.",
            remedy="Name a run that did more than bring data in; see `recomart runs list`.",
        )
    lake = open_lake(loaded)
    with _beside(loaded, record) as twin:
        _bring(lake, LocalObjects(twin.path(twin.settings.paths.lake)), again, record)
        first, last = record.dates
        with open_session(
            twin, dates=Dates(first, last), why=f"reproduce {record.run_id}", now_us=record.now_us
        ) as session:
            for stage in again:
                session.run_stage(stage)
        return list(_compared(record, session.record))


def _is_comparable(stage: Stage, record: RunRecord) -> bool:
    ended = {one.stage for one in record.stages if one.outcome in ("done", "skipped")}
    return stage.name in ended and stage.name != BROUGHT and bool(stage.writes)


@contextmanager
def _beside(loaded: Loaded, record: RunRecord) -> Iterator[Loaded]:
    """Give the run's settings over an empty place of its own, which goes at the end."""
    cache = loaded.path(loaded.settings.paths.cache)
    _sweep(cache)
    folder = cache / f"{PLACE}{uuid4().hex[:8]}"
    try:
        with lease(folder, record.run_id):
            yield replace(loaded, settings=_settings_in(folder, record))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove what reproductions left that were killed: places whose lease is free."""
    for left in cache.glob(f"{PLACE}*"):
        with suppress(LakeBusyError), lease(left, "sweep"):
            shutil.rmtree(left)


def _settings_in(folder: Path, record: RunRecord) -> Settings:
    """Return the settings of a run, with everything that is written in a folder of its own."""
    settings = Settings.model_validate(record.settings)
    return settings.model_copy(
        update={
            "paths": settings.paths.model_copy(
                update={
                    "lake": str(folder / "lake"),
                    "cache": str(folder / "cache"),
                    "warehouse": str(folder / "warehouse.sqlite"),
                    "online": str(folder / "online.sqlite"),
                    "reports": str(folder / "reports"),
                    "logs": str(folder / "logs"),
                }
            ),
            # every engine gives the same; the passwords of the others are not in the record
            "engine": settings.engine.model_copy(update={"kind": "duckdb"}),
            "tracking": settings.tracking.model_copy(update={"is_on": False}),
            "lineage": settings.lineage.model_copy(update={"file": "", "url": ""}),
            "versioning": settings.versioning.model_copy(update={"every_run": False}),
        }
    )


def _bring(lake: Lake, there: LocalObjects, again: list[Stage], record: RunRecord) -> None:
    """Bring the versions that the run started from, and the manifests that it looked back at."""
    told = {one.stage: one for one in record.stages}
    brought: dict[str, str] = dict(told[BROUGHT].outputs) if BROUGHT in told else {}
    made = set(brought)
    for stage in again:
        inputs = told[stage.name].inputs
        for name in stage.looks_back:
            if name in inputs:
                _bring_history(lake, there, lake.version(name, inputs[name]))
        mine = {n: v for n, v in inputs.items() if n not in made and n not in stage.looks_back}
        brought.update(mine)
        made.update(mine, told[stage.name].outputs)
    for name, version in brought.items():
        _bring_version(lake, there, lake.version(name, version))


def _bring_history(lake: Lake, there: LocalObjects, newest: Manifest) -> None:
    for manifest in lake.history(newest.name):
        if manifest.number <= newest.number:
            _bring_version(lake, there, manifest, with_files=newest.name == "hold")


def _bring_version(
    lake: Lake, there: LocalObjects, manifest: Manifest, *, with_files: bool = True
) -> None:
    for entry in manifest.files if with_files else ():
        [path] = lake.paths([entry])
        aside = there.aside()
        _link(path, aside)
        there.adopt_if_absent(entry.key, aside)
    key = f"{folder_of(manifest.name)}/manifests/{manifest.number:08d}.json"
    there.put_if_absent(key, manifest.model_dump_json(indent=1).encode())


def _link(path: Path, aside: Path) -> None:
    """Give a file a second name; copy it where the two are not on one disk."""
    try:
        os.link(path, aside)
    except OSError:
        shutil.copyfile(path, aside)


def _compared(recorded: RunRecord, made: RunRecord) -> Iterator[Remade]:
    before = {one.stage: one for one in recorded.stages}
    for stage in made.stages:
        yield from _of_stage(before[stage.stage], stage)


def _of_stage(recorded: StageRecord, made: StageRecord) -> Iterator[Remade]:
    for name, version in recorded.outputs.items():
        found = made.outputs.get(name)
        is_same_code = recorded.code_version == made.code_version
        yield Remade(name, version, found, version == found, is_same_code)
