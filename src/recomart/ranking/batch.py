"""Lists for every user as a data set: made in blocks of users, by the batch verbs of one model.

The cascade looks features up for hundreds of candidates a user, and takes milliseconds for each;
unless it is asked for by name, the best of its retrievers answers in its place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa

from recomart.errors import NotFoundError
from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import hash_of
from recomart.lake.unfinished import Unfinished
from recomart.models.base import TopN
from recomart.models.blend import Blend
from recomart.models.parallel import spread
from recomart.models.sequences import recommend_for
from recomart.models.visitor import recommend_to
from recomart.ranking.aliases import champion_of
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.champion import Champion, read_published
from recomart.ranking.lines import POPULAR
from recomart.ranking.shop import Shop
from recomart.vocabulary import RECOMMENDATION_COLUMNS, RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from numpy.typing import NDArray
    from pydantic import JsonValue

    from recomart.lake import Draft, FileEntry, Lake, Manifest, Workbench
    from recomart.models.base import Recommender

    class Lister(Protocol):
        """Makes the lists of some users."""

        def __call__(self, users: range) -> Lists:
            """Return the lists of users by their places in the id map."""


AUTO = "auto"
ROWS_AT_ONCE = 4_096
"""Users whose lists are made together."""
CASCADE_ROWS = 256
"""Users whose candidates are ordered together: some 75,000 rows of the ranker."""


class Choice(NamedTuple):
    """Which model makes the lists, and why."""

    model: str
    why: str


class Lists(NamedTuple):
    """The lists of a block of users, a row each.

    top      items and scores; NaN where popularity filled
    sources  who brought an item; as many as the items, or one for all that are not filled
    """

    top: TopN
    sources: NDArray[np.object_] | str


def recommend_all(bench: Workbench) -> None:
    """Write `recommendations`: the best items of every user that the champion knows.

    A partition is a block of users in the order of the id map. What a killed run finished is kept.
    Raises DataSetNotFoundError before the first model, NotFoundError for a model not published.
    """
    lake, settings = bench.lake, bench.settings.batch
    published = champion_of(lake)
    choice = chosen(lake, published, settings.model)
    exclude_seen = bench.settings.evaluation.exclude_seen
    draft, notes = bench.draft(RECOMMENDATIONS), Unfinished(lake, RECOMMENDATIONS)
    shop = Shop.read(lake, published)
    lister: Lister | None = None
    made_of = (published.version, choice.model, settings.n_items, exclude_seen, bench.code_version)
    n_kept = 0
    for name, users in partitions(len(shop.users), settings.users_per_partition):
        made_by = hash_of(*made_of, users.start, users.stop)
        if (entry := notes.find(made_by)) is not None:
            draft.keep(entry)
            n_kept += 1
            continue
        lister = lister or _lister(bench, published, shop, choice.model)
        notes.note(_write(draft, shop, lister, name, users, made_by))
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


def chosen(lake: Lake, published: Manifest, wanted: str = AUTO) -> Choice:
    """Choose the model that makes the lists. Raises NotFoundError, naming those there are."""
    champion, there = str(published.details["model"]), _models(published)
    known = [*there, CASCADE] if champion == CASCADE else there
    if wanted != AUTO:
        if wanted not in known:
            raise NotFoundError.of("published model", wanted, [AUTO, *known])
        return Choice(wanted, "asked for by `batch.model`")
    if champion != CASCADE:
        return Choice(champion, "the champion")
    for name, figure in _judged(lake, published):
        if name in there:
            return Choice(
                name,
                "the champion is the cascade, too slow for every user; this is the best of its "
                f"retrievers in the evaluation ({figure})",
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


def _lister(bench: Workbench, published: Manifest, shop: Shop, name: str) -> Lister:
    """Load what makes the lists: one model, or all of the cascade."""
    n, exclude_seen = bench.settings.batch.n_items, bench.settings.evaluation.exclude_seen
    if name == CASCADE:
        online = open_online(bench.settings.paths.online, bench.loaded.folder)
        champion = Champion.load(bench.lake, OnlineFeatures(online), published)
        return lambda users: lists_of_cascade(champion, users, n, exclude_seen=exclude_seen)
    model = read_published(bench.lake, published, name)

    def of_one(users: range) -> Lists:
        top = lists_of(model, shop, users, n, exclude_seen=exclude_seen)
        return Lists(filled(top, shop, users, exclude_seen=exclude_seen), name)

    return of_one


def lists_of(model: Recommender, shop: Shop, users: range, n: int, *, exclude_seen: bool) -> TopN:
    """Rank `n` items for each of some users by one model, as the champion would for one of them."""
    rows = slice(users.start, users.stop)
    blend = cast("object", model)
    if not isinstance(blend, Blend) or blend.looks_at_few:
        history, sequences = shop.history[rows], shop.sequences(rows)
        return recommend_for(model, history, sequences, n, exclude_seen=exclude_seen)
    top = TopN.empty(len(users), n)  # in a batch it would score every item for every user
    for row, user in enumerate(users):
        best = recommend_to(model, shop.of_row(user).visitor, n, exclude_seen=exclude_seen)
        top.items[row, : len(best.items)] = best.items
        top.scores[row, : len(best.items)] = best.scores
    return top


def filled(top: TopN, shop: Shop, users: range, *, exclude_seen: bool) -> TopN:
    """Put what is popular now where a list has room; its score is NaN."""
    items, n = top.items.copy(), top.items.shape[1]
    for row in np.flatnonzero(items[:, -1] < 0).tolist():
        held = items[row][items[row] >= 0]
        if exclude_seen:
            start, stop = shop.history.indptr[users.start + row : users.start + row + 2]
            out = np.concatenate([held, shop.history.indices[start:stop]])
        else:
            out = held
        some = shop.popular_first[: n + len(out)]
        more = some[~np.isin(some, out)][: n - len(held)]
        items[row, len(held) : len(held) + len(more)] = more
    return TopN(items, top.scores)


def lists_of_cascade(champion: Champion, users: range, n: int, *, exclude_seen: bool) -> Lists:
    """Rank `n` items for each of some users by the whole cascade, as it would for one of them."""
    top = TopN.empty(len(users), n)
    sources = np.full((len(users), n), POPULAR, dtype=object)

    def fill(start: int) -> None:
        """Fill in the lists of a block of users."""
        rows = slice(start, start + CASCADE_ROWS)
        found = champion.ranked(users[rows], exclude_seen=exclude_seen)
        best = found.top(n)
        top.items[rows], top.scores[rows] = best.items, best.scores
        kept = found.ranks <= n
        chosen = found.candidates.take(kept)
        names = np.array(chosen.retrievers, dtype=object)
        sources[start + chosen.rows, found.ranks[kept] - 1] = names[chosen.origins]

    spread(fill, range(0, len(users), CASCADE_ROWS))
    return Lists(filled(top, champion.shop, users, exclude_seen=exclude_seen), sources)


def _write(
    draft: Draft, shop: Shop, lister: Lister, name: str, users: range, made_by: str
) -> FileEntry:
    """Write a partition, a block of users at a time."""
    schema = pa.schema(
        [(column, pa.type_for_alias(kind)) for column, kind in RECOMMENDATION_COLUMNS.items()]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(users.start, users.stop, ROWS_AT_ONCE):
            some = range(start, min(start + ROWS_AT_ONCE, users.stop))
            yield from _rows(shop, some, lister(some), schema).to_batches()

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
