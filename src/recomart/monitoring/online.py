"""Online quality: what people did with the lists that they were shown.

Events that name a list (`recommendation_id`) are joined to the lines of that list. A line counts
as clicked by a view, click, add_to_cart or purchase of its item that names its list; as put into a
cart by the last two; as bought by the last. It counts once, however often.

Lines of one list, and lists of one visitor, are not independent of each other, so that intervals
are on the narrow side where few visitors see many lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from recomart.monitoring.share import Share
from recomart.vocabulary import ADD_TO_CART, CLICK, DAY_US, MINUTE_US, PURCHASE, VIEW

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.lake import Workbench

DID = {
    "clicked": (VIEW, CLICK, ADD_TO_CART, PURCHASE),
    "to_cart": (ADD_TO_CART, PURCHASE),
    "bought": (PURCHASE,),
}
"""What a line may have led to, and the events that tell so."""
SLACK_US = 5 * MINUTE_US
"""So far may a visitor's clock be behind: an event earlier than this is no answer to the list."""
ALL = "all"


class Figures(BaseModel, frozen=True, extra="forbid"):
    """What became of the lines of one model and source; `all` stands for any."""

    model: str
    source: str
    clicked: Share
    to_cart: Share
    bought: Share


class Day(BaseModel, frozen=True, extra="forbid"):
    """Lists of a UTC day, and those of them with a click: a list counts once."""

    day: int
    lists: Share


class Online(BaseModel, frozen=True, extra="forbid"):
    """Online quality over a stretch.

    n_lists   shown in it
    unknown   events that name a list which is not among them: older, lost, or never ours
    astray    events that name one of them for an item that is not on it, or before it was shown
    """

    days: int
    n_lists: int
    figures: tuple[Figures, ...] = ()
    by_day: tuple[Day, ...] = ()
    unknown: int = 0
    astray: int = 0

    @property
    def told(self) -> tuple[Figures, ...]:
        """The figures that a person needs: of one model alone, those of all models say the same."""
        models = {one.model for one in self.figures} - {ALL}
        return tuple(f for f in self.figures if f.model != ALL or len(models) > 1)

    def lists(self, first_day: int, last_day: int) -> Share:
        """Return the lists of some days, both included, and those with a click."""
        some = [one.lists for one in self.by_day if first_day <= one.day <= last_day]
        return Share.of(sum(s.hits for s in some), sum(s.n for s in some))


def online_quality(bench: Workbench) -> Online | None:
    """Measure it over the last days; None where no list was shown ever."""
    days = bench.settings.monitoring.days
    if bench.lake.find("exposures") is None or bench.lake.find("events") is None:
        return None
    lines = bench.read("exposures").filter(lambda t: t.shown_us >= bench.now_us - days * DAY_US)
    events = bench.read("events")
    is_answer = events.recommendation_id.notnull() & events.event_type.isin(DID["clicked"])
    columns = ("recommendation_id", "item_id", "event_type", "occurred_us")
    named = events.filter(is_answer).select(*columns)
    answered = _kept(bench, _answered(lines, named), "answered_lines")
    n_named, n_known, n_met = _named(bench, answered, named)
    return Online(
        days=days,
        n_lists=int(bench.con.to_pyarrow(answered.recommendation_id.nunique()).as_py()),
        figures=tuple(_figures(bench, answered)),
        by_day=tuple(_by_day(bench, answered)),
        unknown=n_named - n_known,
        astray=n_known - n_met,
    )


def _answered(lines: Table, named: Table) -> Table:
    """Give each line what it led to, and `n_events` that told so."""
    within = [
        lines.recommendation_id == named.recommendation_id,
        lines.item_id == named.item_id,
        named.occurred_us >= lines.shown_us - SLACK_US,
    ]
    joined = lines.left_join(named, within)
    is_met = joined.event_type.notnull()
    did = {name: (is_met & joined.event_type.isin(kinds)).any() for name, kinds in DID.items()}
    keys = ("recommendation_id", "item_id", "model", "source", "shown_us")
    return joined.group_by(*keys).aggregate(**did, n_events=joined.event_type.count())


def _named(bench: Workbench, answered: Table, named: Table) -> tuple[int, int, int]:
    """Count events that name a list, those whose list is known, and those that met a line."""
    known = named.semi_join(answered, "recommendation_id")
    counts = (named.count(), known.count(), answered.n_events.sum())
    n_named, n_known, n_met = (int(bench.con.to_pyarrow(c).as_py() or 0) for c in counts)
    return n_named, n_known, n_met


def _figures(bench: Workbench, answered: Table) -> list[Figures]:
    """Count by model and source, by model, by source, and all together."""
    counts = {"n": answered.count(), **{did: answered[did].sum() for did in DID}}
    cut = bench.con.to_pyarrow(answered.group_by("model", "source").aggregate(**counts)).to_pylist()
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for row in cut:
        for key in _keys(row):
            of = sums.setdefault(key, dict.fromkeys(counts, 0))
            for name in counts:
                of[name] += int(row[name])
    return [
        Figures(model=model, source=source, **{did: Share.of(of[did], of["n"]) for did in DID})
        for (model, source), of in sorted(sums.items(), key=lambda one: (-one[1]["n"], one[0]))
    ]


def _keys(row: dict[str, Any]) -> set[tuple[str, str]]:
    model, source = str(row["model"]), str(row["source"])
    return {(model, source), (model, ALL), (ALL, source), (ALL, ALL)}


def _by_day(bench: Workbench, answered: Table) -> list[Day]:
    lists = answered.group_by("recommendation_id").aggregate(
        day=(answered.shown_us.min() // DAY_US).cast("int64"), clicked=answered.clicked.any()
    )
    days = lists.group_by("day").aggregate(hits=lists.clicked.sum(), n=lists.count())
    rows = bench.con.to_pyarrow(days.order_by("day")).to_pylist()
    return [Day(day=row["day"], lists=Share.of(int(row["hits"]), int(row["n"]))) for row in rows]


def _kept(bench: Workbench, table: Table, name: str) -> Table:
    return bench.con.create_table(name, table, temp=True, overwrite=True)
