"""Erasing somebody: an order on the disk, then place after place, then a look that finds nothing.

The order is written before anything is changed and goes when all is done. Each step may be done
again; so whatever kills the work, the next start does what is left.
"""

from __future__ import annotations

import getpass
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from recomart.errors import UnavailableError
from recomart.lake import Erasures, Found, Order, Receipt, open_lake
from recomart.log import StageLog
from recomart.pipeline.erasing.copies import (
    PackedPlace,
    ReportsPlace,
    SourcesPlace,
    mlflow_folders,
    out_of_reach,
)
from recomart.pipeline.erasing.kinds import Somebody
from recomart.pipeline.erasing.lake import LAKE, LakePlace
from recomart.pipeline.erasing.shown import without_salt
from recomart.pipeline.erasing.snapshots import SnapshotsPlace
from recomart.pipeline.erasing.stores import (
    AnswersPlace,
    EventLogPlace,
    OnlinePlace,
    WarehousePlace,
    sessions_in_stores,
)

if TYPE_CHECKING:
    from recomart.lake import Lake
    from recomart.settings import Loaded

ROUNDS = 5
"""Times that is erased what came in while it was erased."""
LEARNED = ("item_features", "item_pairs", "category_features", "ranker", "published_model")
log = StageLog("erasing")


class Place(Protocol):
    """Where somebody may be."""

    name: str

    def find(self) -> list[Found]:
        """Tell where they are, and in how many rows; nothing where they are not."""

    def erase(self) -> None:
        """Take them out, and what lies about half-made; again does no harm."""


def erase(loaded: Loaded, user_id: str, by: str = "") -> Receipt:
    """Erase a user everywhere within reach, and return the receipt.

    Raises LakeBusyError while a run goes on, StoreUnavailableError, IntegrityError: the order
    stays then, and the next start goes on with it.
    """
    order = Erasures.of(loaded).order(user_id, by or f"{getpass.getuser()} on the command line")
    return carry_out(loaded, order)


def finish(loaded: Loaded, *, only_begun: bool = False) -> list[Receipt]:
    """Carry out the orders that wait, or those that were begun; return the receipts."""
    book = Erasures.of(loaded)
    waiting = [one for one in book.orders() if one.starts or not only_begun]
    return [carry_out(loaded, order) for order in waiting]


def carry_out(loaded: Loaded, order: Order) -> Receipt:
    """Do what an order asks for."""
    book, lake, began = Erasures.of(loaded), open_lake(loaded), time.perf_counter()
    with lake.lease(f"erasing {order.erasure_id}"):
        places = places_of(loaded, lake, order)
        order.starts += 1
        order.note(one for place in places for one in place.find())
        book.save(order)
        _erase_all(order, book, places)
        receipt = _receipt(loaded, order, book, lake, time.perf_counter() - began)
        book.end(order, receipt)
    log.info("user_erased", erasure_id=order.erasure_id, touched=len(receipt.touched))
    return receipt


def places_of(loaded: Loaded, lake: Lake, order: Order) -> list[Place]:
    """Return all places within reach, in the order in which they are cleared; note the sessions.

    What tells where else to look comes last: what was done after the models of it, the raw rows
    after their copies. Their sessions, which many places tell, stand in the order. Workers hear
    first whom to forget, and at last again: of what came meanwhile.
    """
    user_id = order.user_id
    who = Somebody(lake, loaded.settings, user_id)
    who.more_sessions = {*order.sessions, *sessions_in_stores(loaded, user_id)}
    sessions = who.more_sessions | who.sessions
    order.sessions = sorted(sessions)
    folders = mlflow_folders(loaded)
    reports = [loaded.path(loaded.settings.paths.reports), *folders]
    return [
        AnswersPlace(loaded, user_id, sessions),
        EventLogPlace(loaded, user_id),
        OnlinePlace(loaded, user_id),
        WarehousePlace(loaded, user_id),
        ReportsPlace(reports, who, loaded.folder),
        PackedPlace(folders, who, loaded.folder),
        SourcesPlace(loaded, user_id),
        SnapshotsPlace(loaded, who),
        LakePlace(who),
        AnswersPlace(loaded, user_id, sessions, is_last=True),
    ]


def _erase_all(order: Order, book: Erasures, places: list[Place]) -> None:
    """Clear all places, again if somebody came back meanwhile. Raises UnavailableError."""
    for _ in range(ROUNDS):
        for place in places:
            place.erase()
        left = [one for place in places for one in place.find()]
        if not left:
            return
        order.note(left)
        book.save(order)
    raise UnavailableError(
        f"The user comes back while they are erased: {left[0].place}, {left[0].what}.",
        remedy="Stop what sends their events, then run `recomart erase --pending`.",
    )


def _receipt(loaded: Loaded, order: Order, book: Erasures, lake: Lake, seconds: float) -> Receipt:
    sources, untold = SourcesPlace(loaded, order.user_id), without_salt(lake)
    touched = [_became(one, lake) for one in order.found or ()]
    learned = [m for name in LEARNED if (m := lake.find(name)) is not None]
    return Receipt(
        erasure_id=order.erasure_id,
        user=f"hmac-sha256:{book.mark(order.user_id)}",
        asked_by=order.asked_by,
        asked_at=order.asked_at,
        done_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        starts=order.starts,
        seconds=round(seconds, 3),
        touched=touched,
        remains=[
            f"{one.name}#{one.number}: sums over all users, until the next run" for one in learned
        ]
        if touched
        else [],
        not_reached=[
            *(
                f"lists of the experiment {name}: its salt is gone, nobody's by now"
                for name in untold
            ),
            *sources.out_of_reach(),
            *out_of_reach(loaded),
        ],
        found_after=0,
    )


def _became(found: Found, lake: Lake) -> Found:
    if found.place != LAKE:
        return found
    dataset = found.what.partition("#")[0]
    after = lake.version(dataset, found.version).version
    return found.model_copy(update={"became": after})
