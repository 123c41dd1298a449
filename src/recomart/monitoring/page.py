"""The monitoring report as a page: what moved, how good it is, and what follows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from recomart.monitoring.online import DID
from recomart.pages import Page, bars, lines
from recomart.vocabulary import DAY_US, SECOND_US, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.monitoring.distances import Distances
    from recomart.monitoring.model import Monitoring
    from recomart.monitoring.online import Online

SHOWN = 30
"""Features in the table; all are in the JSON."""
LEAST_PSI = 0.01
"""Of a feature in the picture."""
HEADS = ("PSI", "JS", "KS", "new words", "null then", "null now")
NEVER_SHOWN = (
    "No list was shown yet. `recomart serve` keeps the lists that it shows; events that name their "
    "recommendation_id then tell what came of them."
)


def page_of(found: Monitoring) -> str:
    """Return the page; it holds nothing that is not in `monitoring.json`."""
    badge = "train anew" if found.is_due else "all is well"
    at = f"As of {written(found.monitored_us)[:16].replace('T', ' ')} UTC"
    page = Page(found.project, subtitle=f"Monitoring. {at}", badge=badge)
    page.tiles(_tiles(found))
    _reasons(page, found)
    _features(page, found.features)
    _predictions(page, found.predictions)
    _online(page, found.online)
    _quality(page, found)
    _offline(page, found)
    return page.html()


def _tiles(found: Monitoring) -> list[tuple[str, str, str]]:
    champion, online, quality = found.champion, found.online, found.quality
    click = next(iter(online.figures), None) if online else None
    most = next(iter(found.features.items()), None)
    return [
        (
            "Serves",
            champion.name if champion else "–",
            f"number {champion.number}" if champion else "nothing is published",
        ),
        ("Most drift", f"{most[1].psi:.3f}" if most else "–", most[0] if most else "PSI"),
        (
            "Lines clicked",
            f"{click.clicked.share:.1%}" if click and click.clicked.share is not None else "–",
            f"of {click.clicked.n:,}" if click else "no list was shown yet",
        ),
        (
            "Data quality",
            f"{quality.score:.1f}" if quality and quality.score is not None else "–",
            "of 100",
        ),
    ]


def _reasons(page: Page, found: Monitoring) -> None:
    page.section("Reasons to train anew", "Above its threshold a reason speaks for training.")
    verdicts = {True: "speaks", False: "no", None: "cannot tell"}
    page.table(
        ("reason", "now", "threshold", "verdict", "says"),
        [
            [one.name, one.now, one.threshold, verdicts[one.verdict], one.says]
            for one in found.reasons
        ],
        best=[place for place, one in enumerate(found.reasons) if one.verdict],
    )


def _features(page: Page, features: Mapping[str, Distances]) -> None:
    page.section(
        "Drift of features",
        "Against the version that the model learned from. PSI: below 0.1 no change to speak of, "
        "above 0.25 a large one. JS and KS lie between 0 and 1.",
    )
    if not features:
        page.note("No view has enough rows, now and when the model learned.")
        return
    shown = dict(list(features.items())[:SHOWN])
    moved = {name: one.psi for name, one in shown.items() if one.psi >= LEAST_PSI}
    if moved:
        page.figure(bars([*moved], [*moved.values()], "PSI"), "The features that moved most.")
    else:
        page.note("No feature moved to speak of since the model learned.", "good")
    rest = f" {len(features) - SHOWN} more are in monitoring.json." if len(features) > SHOWN else ""
    page.table(("feature", *HEADS), [[name, *_row(one)] for name, one in shown.items()], rest)


def _predictions(page: Page, predictions: Mapping[str, Distances]) -> None:
    page.section(
        "Drift of predictions",
        "Lists of the same users, from what was known when the model was published and from what "
        "is known now. The margin is how far a list's first score lies above its last.",
    )
    if predictions:
        page.table(("of the lines", *HEADS), [[n, *_row(one)] for n, one in predictions.items()])
    else:
        page.note("Nothing to compare: nothing happened since, or there are too few users.")


def _row(one: Distances) -> list[float | None]:
    return [one.psi, one.js, one.ks, one.new_share, one.null_then, one.null_now]


def _online(page: Page, online: Online | None) -> None:
    page.section(
        "Online quality",
        "What became of the lines of lists that were shown, by the model that made the list and "
        "what brought the line into it; with 95 % intervals (Wilson).",
    )
    if online is None or not online.n_lists:
        page.note(NEVER_SHOWN if online is None else f"No list in the last {online.days} days.")
        return
    rows = [
        [one.model, one.source, one.clicked.n, *(getattr(one, did).written() for did in DID)]
        for one in online.told
    ]
    told = f"{online.n_lists:,} lists of the last {online.days} days."
    page.table(("model", "source", "lines", *(did.replace("_", " ") for did in DID)), rows, told)
    days = [_date(one.day) for one in online.by_day]
    shares = [(one.lists.share, one.lists.low, one.lists.high) for one in online.by_day]
    share, low, high = np.array(shares, dtype=np.float64).T
    page.figure(
        lines(days, {"lists with a click": share}, "day", "share of lists", (low, high)),
        "Share of lists with at least one click, by the day they were shown.",
    )
    if online.unknown or online.astray:
        page.note(
            f"{online.unknown:,} events name a list that is not among these; {online.astray:,} "
            "name one of these for an item that is not on it, or from before it was shown.",
            "warn",
        )


def _quality(page: Page, found: Monitoring) -> None:
    page.section("Data quality", "The score of the data, by the day that it goes up to.")
    if found.quality is None:
        page.note("No quality report yet: `recomart run` makes one.")
        return
    past = found.quality.past
    page.figure(lines([*past], {"score": [*past.values()]}, "data up to", "score, 0 to 100"))
    page.table(("source", "score"), sorted(found.quality.sources.items()))


def _offline(page: Page, found: Monitoring) -> None:
    page.section("Offline quality", "The comparison before the last publishing.")
    if not found.offline:
        page.note("No comparison yet: `recomart run` makes one.")
        return
    metrics = list(dict.fromkeys(one.metric for one in found.offline))
    by_model: dict[str, dict[str, float | None]] = {}
    for one in found.offline:
        by_model.setdefault(one.model, {})[one.metric] = one.mean
    serves = found.champion.name if found.champion else None
    rows = [[model, *(of.get(metric) for metric in metrics)] for model, of in by_model.items()]
    best = [place for place, row in enumerate(rows) if row[0] == serves]
    page.table(("model", *metrics), rows, "The model that serves stands out.", best)


def _date(day: int) -> str:
    return str(datetime.fromtimestamp(day * DAY_US / SECOND_US, timezone.utc).date())
