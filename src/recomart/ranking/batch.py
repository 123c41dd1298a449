"""Lists for every user as a data set: made in blocks of users, by the batch verbs of one model.

The cascade orders hundreds of candidates for each user. With very many users, unless it is asked
for by name, the best of its retrievers answers in its place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from recomart.errors import NotFoundError
from recomart.lake import hash_of
from recomart.lake.unfinished import Unfinished
from recomart.ranking.aliases import champion_of
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.lines import POPULAR
from recomart.ranking.listers import Task, listers
from recomart.ranking.shop import Shop
from recomart.vocabulary import RECOMMENDATION_COLUMNS, RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import JsonValue

    from recomart.lake import Draft, FileEntry, Lake, Manifest, Workbench
    from recomart.ranking.listers import Lists


AUTO = "auto"
MOST_USERS = 500_000
"""Up to so many, the cascade makes the lists itself: eight minutes on two cores."""
ROWS_AT_ONCE = 4_096
"""Users whose lists are made together."""
CASCADE_ROWS = 256
"""Users whose candidates are ordered together: some 75,000 rows of the ranker."""


class Choice(NamedTuple):
    """Which model makes the lists, and why."""

    model: str
    why: str


def recommend_all(bench: Workbench) -> None:
    """Write `recommendations`: the best items of every user that the champion knows.

    A partition is a block of users in the order of the id map. What a killed run finished is kept.
    Raises DataSetNotFoundError before the first model, NotFoundError for a model not published.
    """
    lake, settings = bench.lake, bench.settings.batch
    published = champion_of(lake)
    exclude_seen = bench.settings.evaluation.exclude_seen
    draft, notes = bench.draft(RECOMMENDATIONS), Unfinished(lake, RECOMMENDATIONS)
    shop = Shop.read(lake, published)
    choice = chosen(lake, published, len(shop.users), settings.model)
    made_of = (published.version, choice.model, settings.n_items, exclude_seen, bench.code_version)
    n_kept = 0
    task = Task(bench.loaded, published, choice.model, settings.n_items, exclude_seen)
    with listers(task, len(shop.users)) as lists_of_blocks:
        for name, users in partitions(len(shop.users), settings.users_per_partition):
            made_by = hash_of(*made_of, users.start, users.stop)
            if (entry := notes.find(made_by)) is not None:
                draft.keep(entry)
                n_kept += 1
                continue
            notes.note(_write(draft, shop, lists_of_blocks, name, users, made_by))
            bench.log.info("lists_written", partition=name, users=len(users))
    draft.columns = draft.columns or dict(RECOMMENDATION_COLUMNS)
    details: dict[str, JsonValue] = {
        "model": choice.model,
        "why": choice.why,
        "champion": published.number,
        "n_items": settings.n_items,
        "exclude_seen": exclude_seen,
        "n_users": len(shop.users),
    }
    bench.commit(draft, [published], details=details)
    notes.clear()
    bench.log.info("recommendations_published", model=choice.model, kept=n_kept)


def chosen(lake: Lake, published: Manifest, n_users: int, wanted: str = AUTO) -> Choice:
    """Choose the model that makes the lists. Raises NotFoundError, naming those there are."""
    champion, there = str(published.details["model"]), _models(published)
    known = [*there, CASCADE] if champion == CASCADE else there
    if wanted != AUTO:
        if wanted not in known:
            raise NotFoundError.of("published model", wanted, [AUTO, *known])
        return Choice(wanted, "asked for by `batch.model`")
    if champion != CASCADE or n_users <= MOST_USERS:
        return Choice(champion, "the champion")
    for name, figure in _judged(lake, published):
        if name in there:
            return Choice(
                name,
                f"the champion is the cascade, too slow for {n_users:,} users; this is the best of "
                f"its retrievers in the evaluation ({figure})",
            )
    return Choice(there[0], "the champion is the cascade; its retrievers were not judged")


def partitions(n_users: int, each: int) -> Iterator[tuple[str, range]]:
    """Yield name and users of each partition; the names sort as the users do."""
    for place, start in enumerate(range(0, n_users, each)):
        yield f"users-{place:05d}", range(start, min(start + each, n_users))


def _models(published: Manifest) -> list[str]:
    names = published.details["models"]
    return [str(name) for name in names] if isinstance(names, list) else []


def _judged(lake: Lake, published: Manifest) -> list[tuple[str, str]]:
    """Return the models of the evaluation behind a published one, best first, and a figure."""
    versions = [parent.version for parent in published.parents if parent.name == "evaluation"]
    for manifest in lake.newest_first("evaluation"):
        if manifest.version in versions:
            told = json.loads(lake.read_file(manifest, "evaluation.json"))
            metric = told["main_metric"]
            return [
                (one["model"], f"{metric} {one['metrics'][metric]['mean']:.4f}")
                for one in told["models"]
            ]
    return []


def _write(
    draft: Draft,
    shop: Shop,
    lists_of_blocks: Callable[[Iterable[range]], Iterator[Lists]],
    name: str,
    users: range,
    made_by: str,
) -> FileEntry:
    """Write a partition, a block of users at a time."""
    schema = pa.schema(
        [(column, pa.type_for_alias(kind)) for column, kind in RECOMMENDATION_COLUMNS.items()]
    )

    starts = range(users.start, users.stop, ROWS_AT_ONCE)
    blocks = [range(start, min(start + ROWS_AT_ONCE, users.stop)) for start in starts]

    def batches() -> Iterator[pa.RecordBatch]:
        for some, lists in zip(blocks, lists_of_blocks(blocks), strict=True):
            yield from _rows(shop, some, lists, schema).to_batches()

    return draft.add_table(
        pa.RecordBatchReader.from_batches(schema, batches()), name, made_by=made_by
    )


def _rows(shop: Shop, users: range, lists: Lists, schema: pa.Schema) -> pa.Table:
    """Turn lists into rows: those of a user together, best first."""
    rows, places = np.nonzero(lists.top.items >= 0)
    scores = lists.top.scores[rows, places]
    if isinstance(lists.sources, str):
        by_model, fill = pa.scalar(lists.sources), pa.scalar(POPULAR)
        sources = pa.compute.if_else(pa.array(np.isnan(scores)), fill, by_model)
    else:
        sources = pa.array(lists.sources[rows, places])
    columns = (
        shop.users.take(pa.array(rows + users.start)),
        pa.array(places + 1),
        shop.item_ids.take(pa.array(lists.top.items[rows, places])),
        pa.array(scores, from_pandas=True),
        sources,
    )
    made = zip(columns, schema, strict=True)
    return pa.table([column.cast(field.type) for column, field in made], schema=schema)
