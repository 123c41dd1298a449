"""What is known of somebody, in all places, as JSON records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from recomart.lake import open_lake
from recomart.pipeline.erasing.kinds import Somebody, kind_of
from recomart.pipeline.erasing.stores import (
    AnswersPlace,
    EventLogPlace,
    OnlinePlace,
    WarehousePlace,
    sessions_in_stores,
)
from recomart.pipeline.erasing.whose import USER
from recomart.ranking.aliases import find_champion
from recomart.ranking.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake import Lake
    from recomart.settings import Loaded

    Known = Iterator[tuple[str, dict[str, Any]]]

COVERED = [
    "the current version of every data set of the lake with a column of users",
    "raw rows as they came, in the quarantine, too",
    "lists that experiments showed to them, which stand under a code",
    "the history that the champion starts from",
    "the event log, the kept answers, the online store, the warehouse",
]
NOT_COVERED = [
    "messages that a stream refused, but for those whose field `user_id` is theirs",
    "earlier versions of data sets, and copies of what is told here: reports, MLflow, snapshots",
    "what lies outside: files of sources, services on other machines, backups, logs of a proxy",
]


def known_of(loaded: Loaded, user_id: str) -> Known:
    """Yield (data set, record) of all that is known of a user, the raw rows first."""
    lake = open_lake(loaded)
    yield "about", {USER: user_id, "covered": COVERED, "not_covered": NOT_COVERED}
    who = Somebody(lake, loaded.settings, user_id)
    who.more_sessions = sessions_in_stores(loaded, user_id)
    for name in lake.names():
        yield from ((name, record) for record in kind_of(name, who).known(lake.latest(name)))
    yield from _of_champion(lake, user_id)
    yield from EventLogPlace(loaded, user_id).known()
    yield from AnswersPlace(loaded, user_id, who.more_sessions | who.sessions).known()
    yield from OnlinePlace(loaded, user_id).known()
    yield from WarehousePlace(loaded, user_id).known()


def as_line(data_set: str, record: dict[str, Any]) -> str:
    """Write a record as a line of JSON."""
    return json.dumps({"data_set": data_set, **record}, ensure_ascii=False, default=str)


def _of_champion(lake: Lake, user_id: str) -> Known:
    manifest = find_champion(lake)
    if manifest is None:
        return
    shop = Shop.read(lake, manifest)
    row = shop.user_index(user_id)
    if row >= 0:
        history = shop.of_row(row)
        for item, weight in zip(history.visitor.items, history.visitor.weights, strict=True):
            told = {"item_id": shop.told(int(item)).item_id, "weight": float(weight)}
            yield "published_model", told
