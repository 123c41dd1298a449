"""The preparation stage: events ready for features and models, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from recomart.engines import open_engine_for_tables
from recomart.errors import SettingsError
from recomart.lake import hash_of
from recomart.lake.streams import split_by
from recomart.preparation.catalogue import CATALOGUE, catalogue_of
from recomart.preparation.categories import tree_of
from recomart.preparation.days import Day, days_of, details_of
from recomart.preparation.events import TAIL, gap_us, prepared, tail_of, union
from recomart.preparation.history import (
    HISTORY,
    changes_of_catalogue,
    changes_of_events,
    changes_of_properties,
    held_before,
    history_of,
)
from recomart.preparation.known import marks_of
from recomart.vocabulary import COLUMNS_OF, DAY_US, PREPARED_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibis.expr.types import Table
    from pydantic import JsonValue

    from recomart.engines import Engine
    from recomart.lake import FileEntry, Manifest, Workbench


def prepare(bench: Workbench) -> None:
    """Make `events`, `item_history`, `catalogue` and `categories` from what is valid.

    Only days whose inputs changed are made again, and only within `bench.dates`.
    Raises SettingsError if no source holds events.
    """
    with open_engine_for_tables(bench.settings.engine, bench.con, bench.spill) as engine:
        inputs = Inputs.of(bench, engine)
        told = inputs.attributes()
        marks = inputs.marks(told)
        known = None if told is None else inputs.since_ever(told, was_known=True)
        attributes = None if known is None else engine.keep("attributes", known)
        PreparedDays(bench, inputs, attributes, marks).write()
        write_history(bench, inputs, attributes)
        write_catalogue(bench, inputs)
        write_categories(bench, inputs)


@dataclass(frozen=True)
class Inputs:
    """The valid data sets, by what they hold; a kind that no source has is empty."""

    bench: Workbench
    engine: Engine
    events: list[Manifest]
    catalogue: list[Manifest]
    item_properties: list[Manifest]
    categories: list[Manifest]

    @classmethod
    def of(cls, bench: Workbench, engine: Engine) -> Inputs:
        """Find them. Raises SettingsError, or DataSetNotFoundError where none was validated."""
        sources = bench.settings.sources
        names = {kind: [n for n, s in sources.items() if s.holds == kind] for kind in COLUMNS_OF}
        if not names["events"]:
            raise SettingsError(
                "No source holds events.",
                remedy="Give one source `holds: events` in recomart.yaml.",
            )
        found = {
            kind: [m for n in names[kind] if (m := bench.lake.find(f"valid_{n}")) is not None]
            for kind in names
        }
        if not found["events"]:
            bench.lake.latest(f"valid_{names['events'][0]}")
        return cls(bench, engine, **found)

    def table(self, kind: str, files: Iterable[FileEntry] | None = None) -> Table | None:
        """Open all rows of a kind, or those of some files; None where there are none.

        Asked for others, what was opened of some files is no longer to be used.
        """
        chosen = None if files is None else {entry.key for entry in files}
        tables = []
        for place, manifest in enumerate(getattr(self, kind)):
            entries = [e for e in manifest.files if chosen is None or e.key in chosen]
            if entries:
                name = f"{kind}_{place}" if chosen is None else f"some_{kind}_{place}"
                paths = self.bench.lake.paths(entries)
                tables.append(self.engine.read(name, paths, COLUMNS_OF[kind]))
        return union(tables, COLUMNS_OF[kind]) if tables else None

    def made(self, manifest: Manifest, columns: Mapping[str, str]) -> Table:
        """Open what this stage has written."""
        return self.engine.read(manifest.name, self.bench.lake.paths(manifest.files), columns)

    def attribute_files(self) -> list[FileEntry]:
        """Return the files that tell attributes of items."""
        return [e for m in (*self.catalogue, *self.item_properties) for e in m.files]

    def attributes(self) -> Table | None:
        """Compute the item history that catalogue and properties tell; None where neither is."""
        changes = []
        if (catalogue := self.table("catalogue")) is not None:
            changes.append(changes_of_catalogue(catalogue))
        if (properties := self.table("item_properties")) is not None:
            names = self.bench.settings.preparation.item_properties
            changes.append(changes_of_properties(properties, names))
        return self.engine.keep("told", history_of(changes)) if changes else None

    def history(self, attributes: Table | None) -> Table:
        """Return the attributes, and for items without any what their events told."""
        events = self.table("events")
        told = history_of([changes_of_events(events)])
        if attributes is None:
            return self.since_ever(told, was_known=False)
        without = told.anti_join(attributes, "item_id")
        return ibis.union(self.since_ever(without, was_known=False), attributes)

    def since_ever(self, history: Table, *, was_known: bool) -> Table:
        """Let first attributes hold before, if the settings say so.

        What a catalogue tells is taken to have been known, too: it stood there before it was
        fetched. A price that an event told was known from that event on.
        """
        settings = self.bench.settings.preparation
        if not settings.first_known_holds_before:
            return history
        return held_before(history, was_known=was_known)

    def marks(self, told: Table | None) -> dict[int, str]:
        """Return what days know of items that were told of later; see `marks_of`."""
        events = self.table("events")
        holds_before = self.bench.settings.preparation.first_known_holds_before
        if told is None or events is None or not holds_before:
            return {}
        return marks_of(self.engine, told, events)


class PreparedDays:
    """The next version of `events`: days made anew where inputs changed, others kept."""

    def __init__(
        self, bench: Workbench, inputs: Inputs, attributes: Table | None, marks: Mapping[int, str]
    ) -> None:
        self.bench = bench
        self.inputs = inputs
        self.attributes = attributes
        self.settings = bench.settings.preparation
        self.gap = gap_us(self.settings)
        before = bench.lake.find("events")
        self.old = before.by_partition() if before else {}
        self.draft = bench.draft("events")
        self.draft.columns = before.columns if before else {}
        common = hash_of(bench.code_version, self.settings.model_dump(mode="json"))
        self.days = days_of(inputs.events, inputs.attribute_files(), marks, common)

    def write(self) -> Manifest:
        """Bring every day up to date and publish."""
        run: list[Day] = []
        for day in self.days:
            if self._may_stay(day, after_dirty=bool(run)):
                self._make(run)
                run = []
            if self._may_stay(day, after_dirty=False):
                self._keep(day)
            else:
                run.append(day)
        self._make(run)
        return self._commit()

    def _may_stay(self, day: Day, *, after_dirty: bool) -> bool:
        """Tell whether a day is not to be made; behind dirty days only its own inputs count."""
        old = self.old.get(day.iso)
        if not self.bench.dates.include(day.iso):
            return True
        if self.bench.force or old is None:
            return False
        if after_dirty:
            return bool(old.details["inputs"] == day.inputs)
        return day.is_done(old, self.draft.files, self.gap)

    def _keep(self, day: Day) -> None:
        if day.iso in self.old:
            self.draft.keep(self.old[day.iso])

    def _make(self, run: list[Day]) -> None:
        """Prepare dirty days in one query, and write a file for each."""
        if not run:
            return
        files = {entry.key: entry for day in run for entry in day.files}
        events = self.inputs.table("events", files.values())
        if events is None:
            return
        first, last = run[0].number * DAY_US, (run[-1].number + 1) * DAY_US
        within = events.filter(events.occurred_us >= first, events.occurred_us < last)
        rows = prepared(
            within,
            self.attributes,
            self._tail(run[0]),
            self.settings,
            may_double=len(self.inputs.events) > 1,
        )
        by_number = {day.number: day for day in run}
        for number, table in split_by(self.inputs.engine.stream(rows), "day"):
            day = by_number[number]
            self.draft.add_table(
                table.to_reader(),
                day.iso,
                made_by=day.made_by(self.draft.files, self.gap),
                details=details_of(day, table, self.gap),
            )
        self.bench.log.info("days_prepared", first=run[0].iso, last=run[-1].iso, days=len(run))

    def _tail(self, day: Day) -> Table:
        """Return the sessions that are still open when `day` begins."""
        paths = self.bench.lake.paths(day.before(self.draft.files, self.gap))
        events = self.inputs.engine.read("days_before", paths, {**TAIL, "event_id": "string"})
        return tail_of(events, day.number * DAY_US - self.gap)

    def _commit(self) -> Manifest:
        done = self.draft.files
        if not done:
            empty = ibis.schema(PREPARED_COLUMNS).to_pyarrow().empty_table()
            self.draft.add_table(empty.to_reader())
        counts = {
            "in": sum(day.rows for day in self.days),
            "events": sum(entry.rows for entry in done.values()),
            "duplicates": sum(int(str(e.details.get("duplicates", 0))) for e in done.values()),
        }
        counts["later"] = counts["in"] - counts["events"] - counts["duplicates"]
        parents = [*self.inputs.events, *self.inputs.catalogue, *self.inputs.item_properties]
        manifest = self.bench.commit(self.draft, parents, counts)
        self.bench.log.info("events_prepared", **counts, days=len(done))
        return manifest


def write_history(bench: Workbench, inputs: Inputs, attributes: Table | None) -> Manifest:
    """Write `item_history`: what was known of each item, and when."""
    history = inputs.history(attributes).cast(HISTORY).order_by("item_id", "valid_from_us")
    parents = [*inputs.catalogue, *inputs.item_properties, *inputs.events]
    return bench.write("item_history", inputs.engine.stream(history), parents)


def write_catalogue(bench: Workbench, inputs: Inputs) -> Manifest:
    """Write `catalogue`: every item as it is now."""
    history, events = bench.lake.latest("item_history"), bench.lake.latest("events")
    table = catalogue_of(
        inputs.made(history, HISTORY),
        inputs.table("catalogue"),
        inputs.made(events, PREPARED_COLUMNS),
    )
    rows = inputs.engine.stream(table)
    return bench.write("catalogue", rows, [history, events, *inputs.catalogue])


def write_categories(bench: Workbench, inputs: Inputs) -> Manifest:
    """Write `categories`: the tree, and categories that only items name as roots."""
    catalogue = bench.lake.latest("catalogue")
    items = inputs.made(catalogue, CATALOGUE)
    named = items.filter(items.category_id.notnull()).select("category_id").distinct()
    parents: dict[str, str | None] = dict.fromkeys(
        inputs.engine.stream(named).read_all()["category_id"].to_pylist()
    )
    if (edges := inputs.table("categories")) is not None:
        ordered = edges.order_by("arrived_us", "source", "category_id", "parent_id")
        rows = inputs.engine.stream(ordered.select("category_id", "parent_id")).read_all()
        parents.update(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    tree = tree_of(parents)
    draft = bench.draft("categories")
    draft.add_table(tree.table.to_reader())
    counts = {"categories": len(parents), "orphans": len(tree.orphans), "cut": len(tree.circles)}
    details: dict[str, JsonValue] = {
        "orphans": [*tree.orphans[:20]],
        "circles": [*tree.circles[:20]],
    }
    parents_of = [catalogue, *inputs.categories]
    return bench.commit(draft, parents_of, counts, details)
