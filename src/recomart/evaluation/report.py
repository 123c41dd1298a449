"""The evaluation as a page that one can send, and as a model card.

Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from recomart.evaluation.metrics import METRICS
from recomart.pages import Page, bars, intervals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.evaluation.bootstrap import Interval
    from recomart.evaluation.compare import Evaluation, ModelFigures

BEYOND = {
    "catalogue_coverage": "catalogue coverage",
    "novelty": "novelty, bits",
    "diversity": "diversity",
    "popularity": "popularity percentile",
    "exposure_gini": "exposure Gini",
    "tail_share": "tail share",
}
CAVEATS = (
    "Judged offline: on what users did with the shop as it was, not with these lists.",
    "A user whose test events are all unknown items cannot be served by any model here.",
    "Scores compare within one list only; they are no probabilities.",
)


def page_of(evaluation: Evaluation) -> str:
    """Return the comparison as a self-contained HTML page."""
    main, best, data = evaluation.main_metric, evaluation.best, evaluation.data
    page = Page(
        "Models compared",
        f"{evaluation.project}, judged on what happened after {data.cut_at[:10]}",
        f"best: {best.model}",
    )
    page.tiles(_tiles(evaluation))
    page.section("In short")
    for line in evaluation.observations:
        page.note(line)
    page.section("Which is best", "Mean over test users; the whisker is the 95 % interval.")
    page.figure(_picture(evaluation.models, main), f"{main.upper()} on the test window.")
    page.table(
        ("model", "against", "difference", "beats it"),
        [
            (one.model, a.baseline, a.difference.written(), a.beats)
            for one in evaluation.models
            for a in one.against
        ],
        "Paired differences user by user; a model beats another if the interval excludes zero.",
    )
    _decision(page, evaluation)
    _metric_tables(page, evaluation)
    _segment_table(page, evaluation)
    _confidence(page, evaluation)
    _ranker(page, evaluation)
    _beyond_table(page, evaluation)
    _training(page, evaluation)
    return page.html()


def _tiles(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    main, best, data = evaluation.main_metric, evaluation.best, evaluation.data
    found = best.metrics[main]
    tiles = [
        ("Best model", best.model, f"of {len(evaluation.models)}"),
        (main.upper(), f"{found.mean or 0:.4f}", f"95 % interval {_span(found)}"),
    ]
    popular = [one for one in evaluation.models if one.model == "popularity"]
    least = popular[0].metrics[main].mean if popular else None
    if least and found.mean:
        lift = found.mean / least
        tiles.append(("Against popularity", f"× {lift:.2f}", "ratio of the means"))
    users = f"{data.n_relevant:,} items to find"
    return [*tiles, ("Test users", f"{data.n_test_users:,}", users)]


def _span(found: Interval) -> str:
    return "–" if found.low is None else f"{found.low:.4f} to {found.high:.4f}"


def _picture(models: Iterable[ModelFigures], metric: str) -> str:
    known = [one for one in models if one.metrics[metric].mean is not None]
    spans = [one.metrics[metric] for one in known]
    return intervals(
        [one.model for one in known],
        [s.mean or 0.0 for s in spans],
        [s.low or 0.0 for s in spans],
        [s.high or 0.0 for s in spans],
        metric.upper(),
    )


def _decision(page: Page, evaluation: Evaluation) -> None:
    decision = evaluation.decision
    page.section(
        "What serves, and why",
        "From the cheapest model up, each takes the place of the best before it if it beats that"
        " one by an interval that excludes zero.",
    )
    page.note(decision.says, "good" if decision.is_promoted else "info")
    page.table(
        ("challenger", "against", "difference", "takes its place", "because"),
        [
            (step.challenger, step.against, step.difference.written(), step.replaces, step.why)
            for step in decision.steps
        ],
        f"{evaluation.main_metric.upper()}, paired by user.",
    )


def _confidence(page: Page, evaluation: Evaluation) -> None:
    page.section(
        "Confidence",
        "Split conformal: of what was wanted and the list held, a set of the nominal level should"
        " contain that share. What no list held, no set can cover.",
    )
    for one in evaluation.coverage:
        rows = [
            (name, part.coverage, part.n_users, part.set_size) for name, part in one.parts.items()
        ]
        page.table(
            (one.model, "coverage", "users", "mean items in the set"),
            rows,
            f"Nominal {one.level:.0%}. Lists of {one.list_length} held {one.list_recall:.1%} of"
            f" what was wanted ({one.calibrated_recall:.1%} in the window of calibration, with"
            f" {one.n_calibrated:,} users).",
        )
    if not evaluation.coverage:
        page.note("No confidence: there was no window to calibrate on.", "warn")


def _ranker(page: Page, evaluation: Evaluation) -> None:
    ranker = evaluation.ranker
    page.section("The ranker", "What moves its scores, over all candidates and for some.")
    if ranker is None:
        page.note(f"There is no ranker. {evaluation.no_ranker or ''}", "warn")
        return
    tried = ", ".join(f"{loss} {ndcg:.4f}" for loss, ndcg in ranker.tried.items())
    page.note(f"{ranker.n_trees} trees, loss {ranker.loss}; NDCG@10 of the losses tried: {tried}.")
    page.figure(
        bars(list(ranker.importance), list(ranker.importance.values()), "%"),
        "Importance: how much the score moves when the column does.",
    )
    page.table(
        ("user", "first item", "what moved its score (SHAP values)"),
        [
            (
                one.user_id,
                one.item_id,
                ", ".join(f"{name} {share:+.3f}" for name, share in one.shares.items()),
            )
            for one in ranker.example
        ],
    )


def _metric_tables(page: Page, evaluation: Evaluation) -> None:
    page.section("All metrics", "Every item of the catalogue is ranked; none is sampled.")
    ks = sorted({int(name.partition("@")[2]) for name in evaluation.best.metrics})
    for k in ks:
        rows = [
            (one.model, *(one.metrics[f"{name}@{k}"].mean for name in METRICS))
            for one in evaluation.models
        ]
        page.table(("model", *(f"{n}@{k}" for n in METRICS)), rows, f"The first {k} places.", [0])


def _segment_table(page: Page, evaluation: Evaluation) -> None:
    page.section(
        "For whom",
        "Cold users had no history before the test window; the head are the most popular items"
        " that make up 80 % of the interactions.",
    )
    names = list(evaluation.best.segments)
    heads = [f"{name} ({evaluation.best.segments[name].n_users:,})" for name in names]
    rows = [(one.model, *(one.segments[n].mean for n in names)) for one in evaluation.models]
    page.table(("model", *heads), rows, f"{evaluation.main_metric.upper()}; users in brackets.")
    rows = [
        (one.model, *(one.segments_against[n].written() for n in names))
        for one in evaluation.models
        if one.segments_against
    ]
    if rows:
        page.table(("model", *names), rows, "Difference to recent popularity, paired by user.")


def _beyond_table(page: Page, evaluation: Evaluation) -> None:
    page.section("Beyond accuracy", "What the lists are like, whether they hit or not.")
    rows = [
        (one.model, *(getattr(one.beyond, name) for name in BEYOND)) for one in evaluation.models
    ]
    page.table(("model", *BEYOND.values()), rows, "The first 10 places.")


def _training(page: Page, evaluation: Evaluation) -> None:
    data = evaluation.data
    page.section("What was trained on what")
    page.table(("fact", "value"), list(data.model_dump(mode="json").items()))
    for one in evaluation.models:
        page.code(f"{one.model} {json.dumps(one.config, sort_keys=True)}")


def _covered(evaluation: Evaluation, model: str) -> str:
    for one in evaluation.coverage:
        found = one.parts["all"]
        if one.model == model and found.coverage is not None and found.set_size is not None:
            return (
                f"Sets of nominal {one.level:.0%} covered {found.coverage:.1%} of what was wanted"
                f" and listed, with {found.set_size:.0f} items on average; lists of"
                f" {one.list_length} held {one.list_recall:.1%} of what was wanted."
            )
    return "Not calibrated."


def card_of(evaluation: Evaluation) -> str:
    """Return the model card of the model to be served, as Markdown."""
    served = evaluation.decision.serve
    model = next((m for m in evaluation.models if m.model == served), evaluation.best)
    data, main = evaluation.data, evaluation.main_metric
    metrics = "\n".join(
        f"| {name} | {found.written()} |" for name, found in model.metrics.items() if "@10" in name
    )
    segments = "\n".join(
        f"| {name} | {found.n_users:,} | {found.written()} |"
        for name, found in model.segments.items()
    )
    against = "\n".join(
        f"- {a.baseline}: {a.difference.written()}, {'beats it' if a.beats else 'not beaten'}"
        for a in model.against
    )
    return f"""# Model card: {model.model}, {evaluation.project}

## Model
`{model.model}` with `{json.dumps(model.config, sort_keys=True)}`.

## Intended use
Lists of items for users of this shop, known or not, and items similar to one. Not for prices,
credit, or anything decided about a person.

## Data
{data.n_interactions:,} interactions of {data.n_users:,} users with {data.n_items:,} items before
{data.cut_at}; data version `{data.events_version}`. Judged on {data.n_test_users:,} users with
{data.n_relevant:,} relevant items after it ({", ".join(data.relevant_types)}).

## Metrics
Full ranking, split at one moment, items seen before {"left out" if data.exclude_seen else "kept"}.

| metric | mean and 95 % interval |
|---|---|
{metrics}

Difference of {main} to the baselines:
{against or "- none"}

## Promotion
{evaluation.decision.says}

## Confidence
{_covered(evaluation, model.model)}

## Segments

| segment | users | {main} |
|---|---|---|
{segments}

## Caveats
{chr(10).join(f"- {line}" for line in CAVEATS)}
"""
