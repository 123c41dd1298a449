"""How an answer came about: what was kept of it, and what the ranker saw, looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from recomart.errors import StoreUnavailableError
from recomart.ranking.replay import look_again
from recomart.serving.engine import FEATURES_DOWN
from recomart.serving.records import did, known_to_model
from recomart.serving.sessions import Happened
from recomart.vocabulary import VIEW, written

if TYPE_CHECKING:
    from recomart.features.online import OnlineFeatures
    from recomart.ranking.replay import Looked
    from recomart.serving.served import Served

SAME = 1e-6
"""Scores that differ by less are the same."""
OTHER_MODEL = "another model serves by now"
NO_RANKER = "this model ranks without features"
DOWN = "the list was ordered without features, because the online store was down"
NEWER = "features changed since: {views}"
OTHER_SCORES = "the ranker gives other scores now"


def seen_versions(served: Served, online: OnlineFeatures) -> dict[str, str]:
    """Return which versions of features the ranker sees now; empty without a ranker."""
    if served.champion.cascade is None:
        return {}
    knowing = served.champion.cascade[1]
    return {**knowing.versions, **online.held(knowing.looked_up)}


def explained(
    kept: dict[str, Any], served: Served, online: OnlineFeatures, *, exclude_seen: bool
) -> dict[str, Any]:
    """Tell how an answer came about.

    kept          see `recomart.serving.records.record`
    exclude_seen  what the settings say
    """
    is_same = kept["model_version"] == served.state.version
    fresh = [Happened(*one) for one in kept["fresh"]]
    user_id = kept["asked"]["user_id"] or ""
    of = ("recommendation_id", "model", "model_version", "experiment", "variant")
    given = (*of, "asked", "rules", "acted")
    return {
        **{name: kept[name] for name in (*given, "degraded_parts")},
        "at": written(kept["at_us"]),
        "is_still_serving": is_same,
        "fresh": did(fresh),
        "history": known_to_model(served.champion.shop, user_id) if is_same else None,
        "features": _features(kept, fresh, served, online, exclude_seen=exclude_seen),
        "items": kept["items"],
    }


def _features(
    kept: dict[str, Any],
    fresh: list[Happened],
    served: Served,
    online: OnlineFeatures,
    *,
    exclude_seen: bool,
) -> dict[str, Any]:
    """Tell what the ranker saw of the listed items, and whether that is sure."""
    if kept["model_version"] != served.state.version:
        return _none(OTHER_MODEL)
    if served.champion.cascade is None:
        return _none(NO_RANKER)
    if FEATURES_DOWN in kept["degraded_parts"]:
        return _none(DOWN)
    said = kept["rules"]["exclude_seen"]
    try:
        found = _look(kept, fresh, served, exclude_seen=exclude_seen if said is None else said)
        views = served.champion.cascade[1].looked_up
        now = {**served.champion.cascade[1].versions, **online.versions(views)}
    except StoreUnavailableError as error:
        return _none(error.cause)
    if found is None:
        return _none(NO_RANKER)
    note = _difference(kept, found, served, now)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows.tolist()]
    ids = served.champion.shop.item_ids
    named = {ids[item].as_py(): row for item, row in zip(found.items.tolist(), rows, strict=True)}
    return {"is_exact": note is None, "note": note, "versions": now, "items": named}


def _look(
    kept: dict[str, Any], fresh: list[Happened], served: Served, *, exclude_seen: bool
) -> Looked | None:
    """Ask the ranker again about the listed items, as they were asked about."""
    shop, asked = served.champion.shop, kept["asked"]
    user_id = asked["user_id"] or ""
    shown = [Happened(item, VIEW, kept["at_us"]) for item in asked["items"]]
    history = shop.of_row(shop.user_index(user_id), served.fresh([*fresh, *shown]))
    items = np.array([shop.index_of(line["item_id"]) for line in kept["items"]], dtype=np.int32)
    return look_again(served.champion, user_id, history, items, exclude_seen=exclude_seen)


def _difference(
    kept: dict[str, Any], found: Looked, served: Served, now: dict[str, str]
) -> str | None:
    """Say what differs from what was seen; None where nothing does."""
    then = kept["versions"]  # of what was looked up: nothing is for an anonymous visitor
    changed = sorted(view for view in then if then[view] != now.get(view))
    if changed:
        return NEWER.format(views=", ".join(changed))
    shop = served.champion.shop
    told = {
        shop.index_of(x["item_id"]): x["score"] for x in kept["items"] if x["score"] is not None
    }
    again = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
    is_same = told.keys() == again.keys() and all(
        abs(told[item] - again[item]) <= SAME * max(1.0, abs(told[item])) for item in told
    )
    return None if is_same else OTHER_SCORES


def _none(note: str) -> dict[str, Any]:
    return {"is_exact": False, "note": note, "versions": {}, "items": {}}
