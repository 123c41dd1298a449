"""The rules of one list: what may be in it, how alike its items may be, what was too recent."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recomart.vocabulary import CANCEL, EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from recomart.ranking.lines import Ordered
    from recomart.ranking.shop import Fresh

CATEGORY_CAP, NEAR_DUPLICATE = "category_cap", "near_duplicate"
POOL = 300
"""Items that a model is asked for where not all of them may be in the list."""
SOME_FILLERS = 512
"""Looked at before all of them are, which may be a whole catalogue."""


class Turns(NamedTuple):
    """Places of items, by when their turn in a list is.

    on_time   in their turn
    over_cap  after all of those: more of a category than there may be
    twins     after these, too: near-duplicates of an item before them
    """

    on_time: list[int]
    over_cap: list[int]
    twins: list[int]

    def first(self, n: int) -> list[int]:
        """Return the first `n` places."""
        return [*self.on_time, *self.over_cap, *self.twins][:n]


@dataclass(frozen=True)
class Likeness:
    """How alike the items of a list may be.

    categories  int, shape (n_items,); -1: of none, which are not limited
    most        items of one category in a list; None: no limit
    groups      int, shape (n_items,): near-duplicates share a number; -1: like no other
    """

    categories: NDArray[np.integer]
    most: int | None = None
    groups: NDArray[np.integer] | None = None

    def turns(self, items: NDArray[np.integer], n: int) -> Turns:
        """Look through items in order, best first, until `n` are on time.

        The best of a group stands for it, and if its category is full, the whole group is late.
        """
        found = Turns([], [], [])
        groups, counts = set(), dict[int, int]()
        limit = len(items) if self.most is None else self.most
        for place, (group, category) in enumerate(self._kinds(items)):
            if group in groups:
                found.twins.append(place)
                continue
            if group >= 0:
                groups.add(group)
            counts[category] = counts.get(category, 0) + 1
            if counts[category] > limit and category >= 0:
                found.over_cap.append(place)
                continue
            found.on_time.append(place)
            if len(found.on_time) == n:
                break
        return found

    def still_open(
        self, items: NDArray[np.int32], before: NDArray[np.int32], turns: Turns
    ) -> NDArray[np.int32]:
        """Return those of some items which may be on time after others, whose turns are given."""
        may = np.ones(len(items), dtype=bool)
        if self.groups is not None:
            used = self.groups[before[turns.on_time + turns.over_cap]]
            groups = self.groups[items]
            is_first = groups < 0  # the first of a group stands for it, though its category be full
            is_first[np.unique(groups, return_index=True)[1]] = True
            may &= is_first & _is_other(self.groups, items, used)
        if self.most is not None:
            kinds, counts = np.unique(self.categories[before[turns.on_time]], return_counts=True)
            may &= _is_other(self.categories, items, kinds[counts >= self.most])
        return items[may]

    def _kinds(self, items: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
        groups = repeat(-1) if self.groups is None else self.groups[items].tolist()
        return zip(groups, self.categories[items].tolist())  # noqa: B905 - one may be endless


@dataclass(frozen=True)
class Rules:
    """The rules of one list; made for it, since it counts what they do.

    Two kinds: what `lets_in` and `keeps_out` refuse is never in the list, even if that makes it
    shorter; what `likeness` puts last is, if there is nothing else. What a visitor had is no
    matter of these rules: models do not propose it, and it is not among the fillers.

    n_items    of the catalogue
    lets_in    by rule: bool, shape (n_items,), what it lets into the list
    keeps_out  by rule: int32, items that it does not
    acted      by rule: how many candidates it kept out, or put last before the list was full; one
               may be counted under several. Filled when the list is made; without zeros
    """

    n_items: int = 0
    lets_in: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    keeps_out: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    likeness: Likeness | None = None
    acted: dict[str, int] = field(default_factory=dict)

    @cached_property
    def allowed(self) -> NDArray[np.bool_] | None:
        """What may be in the list: bool, shape (n_items,); None: everything."""
        masks, out = list(self.lets_in.values()), list(self.keeps_out.values())
        if len(masks) == 1 and not out:
            return masks[0]
        if not masks and not out:
            return None
        may = masks[0].copy() if masks else np.ones(self.n_items, dtype=bool)
        for mask in masks[1:]:
            may &= mask
        for items in out:
            may[items] = False
        return may

    def wanted(self, n: int) -> int:
        """Return how many candidates a list of `n` should be chosen from."""
        return n if self.allowed is None and self.likeness is None else max(n, POOL)

    def first(self, found: Ordered, fillers: Callable[[], NDArray[np.int32]], n: int) -> Ordered:
        """Return the first `n` candidates that may be in the list, filled up to `n`.

        fillers  allowed items that may follow the candidates, best first
        """
        if self.allowed is None and self.likeness is None:
            found = found.first(n)
            return found if len(found.items) == n else found.filled(fillers(), n)
        places = np.arange(len(found.items))
        if self.allowed is not None:
            self._count_out(found.items)
            places = np.flatnonzero(self.allowed[found.items])
        if self.likeness is None:
            found = found.take(places[:n])
            return found if len(places) >= n else found.filled(fillers(), n)
        turns = self.likeness.turns(found.items[places], n)
        self.count(CATEGORY_CAP, len(turns.over_cap))
        self.count(NEAR_DUPLICATE, len(turns.twins))
        if len(turns.on_time) == n:
            return found.take(places[turns.on_time])
        return _filled(found.take(places), fillers(), n, self.likeness)

    def _count_out(self, items: NDArray[np.int32]) -> None:
        for rule, mask in self.lets_in.items():
            self.count(rule, len(items) - int(np.count_nonzero(mask[items])))
        for rule, out in self.keeps_out.items():
            self.count(rule, len(set(items.tolist()).intersection(out.tolist())))

    def count(self, rule: str, n: int) -> None:
        """Note how many items a rule kept out or put last."""
        if n:
            self.acted[rule] = n


ANYTHING = Rules()
"""No rules: they do nothing, so one serves for all lists."""


def too_recent(
    spans_us: NDArray[np.int64],
    had: tuple[NDArray[np.integer], NDArray[np.int8], NDArray[np.int64]],
    fresh: Sequence[Fresh],
    now_us: int,
) -> NDArray[np.int32]:
    """Return the items that a visitor acted on so lately that they are held back.

    spans_us  int64, shape (n_event_types,): how long, by event type; 0: not at all
    had       items, what was done most strongly with each, and when anything was done last
    fresh     what happened since, in order; a cancellation ends the holding back

    What lies in the future, by a wrong clock, is taken to be now.
    """
    items, types, last_us = had
    is_held = np.maximum(now_us - last_us, 0) < spans_us[types]
    held = set(items[is_held].tolist())
    for event in fresh:
        if EVENT_TYPES[event.kind] == CANCEL:
            held.discard(event.item)
        elif max(now_us - event.occurred_us, 0) < spans_us[event.kind]:
            held.add(event.item)
    return np.array(sorted(held), dtype=np.int32)


def _is_other(
    codes: NDArray[np.integer], items: NDArray[np.int32], taken: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Tell of items whether their code, if they have one, is not among these."""
    is_free = np.ones(int(codes.max(initial=0)) + 2, dtype=bool)
    is_free[taken] = False
    is_free[-1] = True  # where a code of -1 looks
    found: NDArray[np.bool_] = is_free[codes[items]]
    return found


def _filled(found: Ordered, fillers: NDArray[np.int32], n: int, likeness: Likeness) -> Ordered:
    """Fill up a list from some fillers; if these are too much alike, from all of them.

    The same list as from all at once, but those that cannot be on time are not looked at.
    """
    some, rest = fillers[:SOME_FILLERS], fillers[SOME_FILLERS:]
    filled = found.filled(some, len(found.items) + len(some))
    turns = likeness.turns(filled.items, n)
    if len(turns.on_time) < n and len(rest):
        n_over = len(turns.over_cap)
        more = likeness.still_open(rest, filled.items, turns)
        filled = filled.filled(more, len(filled.items) + len(more))
        turns = likeness.turns(filled.items, n)
        if len(turns.on_time) + n_over < n:
            filled = found.filled(fillers, len(found.items) + len(fillers))
            turns = likeness.turns(filled.items, n)
    return filled.take(np.array(turns.first(n), dtype=np.int64))
