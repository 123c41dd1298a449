"""Experiments: models compared with intervals, which one serves, promotion, past runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from recomart.dashboard import commands, figures, look, words
from recomart.dashboard.records import Monitoring
from recomart.errors import RecomartError

if TYPE_CHECKING:
    from recomart.dashboard.records import Evaluation, Run, Share
    from recomart.dashboard.shop import Shop

BEYOND = {
    "catalogue_coverage": "catalogue coverage",
    "novelty": "novelty, bits",
    "diversity": "diversity",
    "tail_share": "tail share",
}
MOST_IMPORTANT = 12
AT = "@10"
"""The cut-off that tables show."""
COMPARED, SERVING, RUNS = "Comparison", "Champion and challenger", "Runs"
PROMOTED, ASKED = "promoted", "promotion-asked"
"""In the session: what a promotion said, until shown once; the number that is asked about."""


def show(shop: Shop) -> None:
    """Show it."""
    told = shop.evaluation()
    if told is None:
        look.empty(
            "No experiment yet",
            "A run trains models on the past, compares them on what came after, and publishes "
            "the one that is clearly best.",
            "recomart run",
        )
    said = st.session_state.pop(PROMOTED, "")
    if said:
        look.notes([(said, "good")])
    parts = [COMPARED, SERVING, RUNS] if told else [SERVING, RUNS]
    part = st.segmented_control(
        "Part", parts, default=parts[0], key="experiments-part", label_visibility="collapsed"
    )
    with look.guarded():
        if part == RUNS:
            _runs(shop.runs())
        elif part == COMPARED and told:
            _comparison(told)
        else:
            _published(shop)


def _comparison(told: Evaluation) -> None:
    data = told.data
    look.lead(
        f"Judged on what {data.n_test_users:,} users did after {words.day(data.cut_at)} UTC: "
        f"{data.n_relevant:,} items to find among {data.n_items:,}. What live visitors like better "
        "stands under A/B tests."
    )
    metrics = list(told.models[0].metrics) if told.models else []
    chosen = st.selectbox(
        "Metric",
        metrics,
        index=metrics.index(told.main_metric) if told.main_metric in metrics else 0,
        format_func=str.upper,
        key="experiments-metric",
    )
    known = [one for one in told.models if chosen in one.metrics]
    known.sort(key=lambda one: -(one.metrics[chosen].mean or 0))
    rows = [
        {
            "what": one.model,
            **one.metrics[chosen].model_dump(),
            "tone": "best" if one.model == told.decision.serve else "plain",
        }
        for one in known
    ]
    says = f"{str(chosen).upper()}: mean over users, with the 95 % interval; blue is what serves."
    figures.intervals(rows, str(chosen).upper(), says, "compared")
    look.points(told.observations)
    _table(told)
    _gate(told)
    _importance(told)


def _table(told: Evaluation) -> None:
    at_ten = [name for name in told.models[0].metrics if name.endswith(AT)]
    look.heading("All models", "At a cut-off of 10; then what lies beyond accuracy.")
    rows = [
        (
            one.model,
            *(one.metrics[name].mean if name in one.metrics else None for name in at_ten),
            *(one.beyond.get(name) for name in BEYOND),
        )
        for one in told.models
    ]
    columns = ("model", *(name.removesuffix(AT) for name in at_ten), *BEYOND.values())
    serve = [n for n, one in enumerate(told.models) if one.model == told.decision.serve]
    look.table(columns, rows, best=serve)
    look.export("models", columns, rows)
    segments = list(told.models[0].segments)
    if segments:
        look.heading("For whom", f"{told.main_metric.upper()} in parts of the users and items.")
        table = [
            (one.model, *((s.mean if (s := one.segments.get(n)) else None) for n in segments))
            for one in told.models
        ]
        look.table(("model", *segments), table, best=serve)


def _gate(told: Evaluation) -> None:
    look.heading("The gate", told.decision.says)
    rows = [
        (
            one.challenger,
            one.against,
            words.interval(one.difference.mean, one.difference.low, one.difference.high),
            one.replaces,
            one.why,
        )
        for one in told.decision.steps
    ]
    best = [place for place, one in enumerate(told.decision.steps) if one.replaces]
    look.table(("challenger", "against", "difference", "takes its place", "why"), rows, best=best)


def _importance(told: Evaluation) -> None:
    if told.ranker is None or not told.ranker.importance:
        return
    look.heading("What the ranker goes by", f"Loss {told.ranker.loss}; shares of 100.")
    ranked = sorted(told.ranker.importance.items(), key=lambda one: -one[1])[:MOST_IMPORTANT]
    rows = [{"what": name.replace("__", " · "), "value": round(v, 2)} for name, v in ranked]
    figures.bars(rows, "importance, %", "The features that moved the ranking most.", "importance")


def _published(shop: Shop) -> None:
    models = published(shop)
    if not models:
        look.empty("Nothing is published yet", "A run publishes what won.", "recomart run")
        return
    look.heading(
        "Published models", "The champion serves. The newest waits where another one is held."
    )
    look.table(
        ("number", "model", "made", "metric", "figure", "alias", "why"),
        [
            (
                one["number"],
                one["model"],
                words.since(one["made_at"]),
                one["metric"] or "–",
                words.unbroken(one["figure"] or "–"),
                look.pills([one["alias"]] if one["alias"] else []),
                one["why"],
            )
            for one in models
        ],
        best=[n for n, one in enumerate(models) if "champion" in (one["alias"] or "")],
    )
    with look.guarded():
        _online(shop)
    if len(models) < 2:
        look.text("There is one model; from the second one on they can be compared and promoted.")
        return
    with look.guarded():
        _promote(shop, models)
    with look.guarded():
        _compare(shop, models)


def _online(shop: Shop) -> None:
    """Tell what people did with the lists, where monitoring has seen some."""
    told = shop.record(Monitoring, "monitoring", "monitoring.json")
    look.heading("What people did with it", "Lines of lists that were shown, and led to something.")
    if told is None or told.online is None or not told.online.figures:
        look.empty(
            "No list was followed yet",
            "Events that name a recommendation are joined to the list that they came from.",
            "recomart monitor",
        )
        return
    look.table(
        ("model", "source", "lines", "clicked", "put into a cart", "bought"),
        [
            (
                one.model,
                one.source,
                one.clicked.n,
                *(words.share(*_parts(kind)) for kind in (one.clicked, one.to_cart, one.bought)),
            )
            for one in told.online.figures
        ],
    )
    look.text(f"{told.online.n_lists:,} lists of the last {told.online.days} days.")


def _parts(one: Share) -> tuple[int, int, float | None, float | None]:
    return one.hits, one.n, one.low, one.high


def published(shop: Shop) -> list[dict[str, Any]]:
    """Return every published model as `recomart models list` tells of it, the newest first."""
    newest, hold = shop.find("published_model"), shop.find("hold")
    if newest is None:
        return []
    key = ("published", newest.number, hold.number if hold else 0)
    found: list[dict[str, Any]] = shop.once(key, lambda: commands.call(shop, "models", "list"))
    return found[::-1]


def _compare(shop: Shop, models: list[dict[str, Any]]) -> None:
    look.heading("Side by side", "How two of them were judged, and in what they differ.")
    numbers = [str(one["number"]) for one in models]
    left, right = st.columns(2)
    one = str(left.selectbox("Model", numbers, index=1, key="compare-one"))
    other = str(right.selectbox("Beside it", numbers, index=0, key="compare-other"))
    if one == other:
        look.text("Choose two different numbers.")
        return
    with st.spinner("Comparing …"):
        found = shop.once(
            ("compare", one, other, len(models)),
            lambda: commands.call(shop, "models", "compare", one, other),
        )
    look.notes([(found["says"], "good" if found["comparable"] else "warn")])
    names = (f"number {one}", f"number {other}")
    shown = [(k, *pair) for k, pair in found["figures"].items() if k.endswith(AT) or "@" not in k]
    look.table(("figure", *names), shown)
    look.table(("differs in", *names), [(k, *pair) for k, pair in found["differs"].items()])


def _promote(shop: Shop, models: list[dict[str, Any]]) -> None:
    look.heading("Promotion", "Let another model serve. Every change is on record, with its why.")
    champion = next((m["number"] for m in models if "champion" in (m["alias"] or "")), None)
    others = [one["number"] for one in models if one["number"] != champion]
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    number = left.selectbox("Number", others, key="promote-number")
    if right.button("Promote …", icon=":material/publish:", key="promote"):
        st.session_state[ASKED] = number
    if st.session_state.get(ASKED) is not None:
        _confirm(shop, models, int(st.session_state[ASKED]), champion)


def _leave() -> None:
    st.session_state.pop(ASKED, None)


@st.dialog("Promote this model?", on_dismiss=_leave)
def _confirm(shop: Shop, models: list[dict[str, Any]], number: int, champion: int | None) -> None:
    chosen = next(one for one in models if one["number"] == number)
    says = (
        f"Number {number} ({chosen['model']}) will serve in place of number {champion}. "
        "A running service takes it up within seconds."
    )
    look.notes([(says, "warn")])
    why = st.text_input("Why", placeholder="kept with the decision", key="promote-why")
    if st.button("Promote", type="primary", disabled=not why.strip(), key="promote-sure"):
        with look.guarded():
            st.session_state[PROMOTED] = promote(shop, number, why.strip())
            _leave()
            st.rerun()


def promote(shop: Shop, number: int, why: str) -> str:
    """Let a model serve, by our own command line; return what is told of it."""
    told = commands.call(shop, "models", "promote", f"--why={why}", "--", str(number))
    if told.get("number") != number:
        raise RecomartError(
            f"Number {told.get('number')} serves, not {number}.", remedy="See the list of models."
        )
    held = ", until another one is promoted" if told["is_held"] else ""
    return f"Number {number} ({told['model']}) serves from now on{held}."


def _runs(runs: list[Run]) -> None:
    if not runs:
        look.empty("No run yet", "Every run leaves a record.", "recomart run")
        return
    look.heading("Runs", "The newest first. MLflow has the same: see the guide on tracking.")
    look.table(
        ("run", "began, UTC", "outcome", "took", "why", "made"),
        [
            (
                one.run_id,
                words.day(one.started_at),
                one.outcome,
                words.span(one.seconds),
                one.why,
                sum(len(stage.made) for stage in one.stages),
            )
            for one in runs
        ],
    )
    chosen = st.selectbox("Run", [one.run_id for one in runs], key="experiments-run")
    run = next(one for one in runs if one.run_id == chosen)
    rows = [{"what": one.stage, "value": round(one.seconds, 2)} for one in run.stages]
    if rows:
        figures.bars(rows, "seconds", "How long each stage took.", "stages")
    for stage in run.stages:
        if stage.error:
            look.notes([(f"{stage.stage}: {stage.error}", "warn")])
