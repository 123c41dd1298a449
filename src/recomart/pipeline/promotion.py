"""Changing which published model serves: a run of its own, so that it is on record and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.lake import open_lake
from recomart.pipeline.change import change
from recomart.ranking import aliases

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.lake import Lake, Making, Manifest
    from recomart.settings import Loaded

STAGE = "promote"
"""What a record calls it; it is none of the stages that `recomart run` goes through."""


def promote(loaded: Loaded, number: int | None, why: str) -> Manifest:
    """Let a published model serve from now on; None: the newest, and every newer one after it.

    Raises NotFoundError, LakeBusyError.
    """
    if number is not None:
        aliases.published(open_lake(loaded), number)  # a slip of the pen is no run that failed
    return _change(loaded, lambda lake, made: aliases.promote(lake, made, number, why), why)


def rollback(loaded: Loaded, why: str) -> Manifest:
    """Let the published model before the champion serve, and hold it.

    Raises BadInputError where there is none before it, LakeBusyError.
    """
    aliases.before_champion(open_lake(loaded))
    return _change(loaded, lambda lake, made: aliases.rollback(lake, made, why), why)


def _change(loaded: Loaded, do: Callable[[Lake, Making], Manifest], why: str) -> Manifest:
    return change(loaded, STAGE, aliases.HOLD, do, why)
