"""Which published model serves: the newest, or the one that somebody holds.

Every version of `published_model` stays. The champion is the newest of them, unless the data set
`hold` names another: then the newest is the challenger until it is promoted. Holding and releasing
are versions of `hold`, so who decided what, and why, can be read later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from recomart.errors import BadInputError, NotFoundError
from recomart.lake import Draft

if TYPE_CHECKING:
    from recomart.lake import Lake, Making, Manifest

PUBLISHED, HOLD = "published_model", "hold"
FILE = "hold.json"


class Hold(BaseModel, frozen=True, extra="forbid"):
    """A person's word on what serves."""

    number: int | None = Field(description="of the published model that serves; null: the newest")
    why: str = ""


def champion_of(lake: Lake) -> Manifest:
    """Return the published model that serves. Raises DataSetNotFoundError before the first."""
    return find_champion(lake) or lake.latest(PUBLISHED)


def find_champion(lake: Lake) -> Manifest | None:
    """Return the published model that serves, None before the first."""
    held = held_by(lake).number
    return lake.find(PUBLISHED) if held is None else published(lake, held)


def find_challenger(lake: Lake) -> Manifest | None:
    """Return the newest published model, where it is not the one that serves."""
    newest, champion = lake.find(PUBLISHED), find_champion(lake)
    return newest if newest and champion and newest.number != champion.number else None


def published(lake: Lake, number: int) -> Manifest:
    """Return a published model by its number. Raises NotFoundError."""
    for manifest in lake.newest_first(PUBLISHED):
        if manifest.number == number:
            return manifest
    known = [str(manifest.number) for manifest in lake.history(PUBLISHED)]
    raise NotFoundError.of("published model", str(number), known)


def held_by(lake: Lake) -> Hold:
    """Return the word that is in force."""
    if lake.find(HOLD) is None:
        return Hold(number=None)
    return Hold.model_validate_json(lake.read(HOLD, FILE))


def promote(lake: Lake, making: Making, number: int | None, why: str) -> Manifest:
    """Let a published model serve; None: the newest, and every newer one after it.

    Under the lease of the lake. Raises NotFoundError.
    """
    newest = lake.latest(PUBLISHED)
    chosen = newest if number is None else published(lake, number)
    word = Hold(number=None if chosen.number == newest.number else chosen.number, why=why)
    draft = Draft(lake, HOLD)
    draft.add_bytes(FILE, word.model_dump_json(indent=1).encode())
    draft.commit(making, [chosen.as_parent()])
    return chosen


def rollback(lake: Lake, making: Making, why: str) -> Manifest:
    """Let the published model before the champion serve, and hold it.

    Under the lease of the lake. Raises BadInputError where there is none before it.
    """
    return promote(lake, making, before_champion(lake).number, why)


def before_champion(lake: Lake) -> Manifest:
    """Return the published model before the one that serves. Raises BadInputError without one."""
    champion = champion_of(lake)
    before = [m for m in lake.history(PUBLISHED) if m.number < champion.number]
    if not before:
        raise BadInputError(
            "There is no published model before the one that serves.",
            remedy="See `recomart models list`.",
        )
    return before[-1]
