"""A/B tests: which run, who saw what, what differs, what was stopped, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from recomart.dashboard import figures, look, service, words
from recomart.dashboard.ab_advice import next_steps, start
from recomart.dashboard.ab_records import AllStarted, Report
from recomart.errors import RecomartError
from recomart.vocabulary import DAY_US, SECOND_US

if TYPE_CHECKING:
    from markupsafe import Markup

    from recomart.dashboard.ab_records import Compared, Found, Seen, Started
    from recomart.dashboard.look import Tile, Tone
    from recomart.dashboard.shop import Shop

VERDICTS = {
    "better": look.pill("better", "good"),
    "worse": look.pill("worse", "warn"),
    "open": look.pill("open", "quiet"),
    "unsound": look.pill("cannot be told", "warn"),
}
COUNTS = ("purchases",)
"""Metrics that are no shares of units."""
LEAST_P = 0.0001
"""A smaller one is not written out."""
DAY_S = DAY_US / SECOND_US
TONES: dict[str, Tone] = {"better": "good", "worse": "warn"}


def show(shop: Shop) -> None:
    """Show it."""
    told = shop.record(AllStarted, "experiments", "experiments.json")
    if told is None or not told.experiments:
        _nothing_yet(shop)
        return
    report = None
    with look.guarded():
        report = shop.record(Report, "experiment_report", "experiments.json")
    found = {one.name: one for one in report.experiments} if report else {}
    ordered = sorted(told.experiments, key=lambda one: (not one.is_running, -one.started_us))
    n_running = sum(one.is_running for one in ordered)
    analysed = f"analysed {words.ago(report.analysed_us / SECOND_US)}" if report else "not analysed"
    look.lead(
        "Published models and rules, tried on shares of the visitors of the live shop: "
        f"{n_running} running, {len(ordered) - n_running} ended, {analysed}."
    )
    chosen = ordered[0]
    if len(ordered) > 1:
        _all(ordered, found)
        names = [one.name for one in ordered]
        name = st.selectbox("A/B test", names, key="ab-test")
        chosen = next(one for one in ordered if one.name == name)
    _one(shop, chosen, found.get(chosen.name))
    _declared(shop, {one.name for one in told.experiments})


def _nothing_yet(shop: Shop) -> None:
    tests = list(shop.loaded.settings.experiments.tests)
    says = "Declare one under `experiments.tests` in recomart.yaml, then start it."
    if tests:
        says = f"The settings declare {', '.join(tests)}; nothing was started."
    look.empty("No A/B test yet", says, start(shop, tests[0] if tests else "NAME"))


def _declared(shop: Shop, known: set[str]) -> None:
    """Say what the settings declare and nobody started."""
    new = [name for name in shop.loaded.settings.experiments.tests if name not in known]
    if new:
        look.heading("Declared, not started")
        look.steps((name, [start(shop, name)]) for name in new)


def _all(ordered: list[Started], found: dict[str, Found]) -> None:
    rows = []
    for one in ordered:
        told = found.get(one.name)
        rows.append(
            (
                one.name,
                _state(is_on=one.is_running, off="ended"),
                look.moment(one.started_us),
                ", ".join(variant.name for variant in one.variants),
                sum(variant.units for variant in told.variants) if told else None,
                told.says if told else "Not analysed yet.",
            )
        )
    look.table(("A/B test", "", "since, UTC", "variants", "units", "says"), rows)


def _state(*, is_on: bool, off: str) -> Markup:
    return look.pill("running", "good") if is_on else look.pill(off, "quiet")


def _one(shop: Shop, started: Started, found: Found | None) -> None:
    declared = started.declared
    look.heading(started.name, declared.description)
    look.tiles(_tiles(started, found))
    look.notes(_loud(started, found))
    with look.guarded():
        look.notes(_off_now(shop, started))
    if found is None:
        look.text("Who saw what, and what differs, shows once it is analysed.")
    elif found.is_sound:
        verdicts = {one.verdict for one in found.by_main_metric()}
        look.notes([(found.says, "good" if verdicts == {"better"} else "")])
    look.heading("What to do next")
    look.steps(next_steps(shop, started, found))
    _variants(shop, started, found)
    if found is not None and found.compared:
        _compared(started, found)
    _guardrails(started, found)


def _tiles(started: Started, found: Found | None) -> list[Tile]:
    told = [_lasting(started)]
    if found is None:
        return told
    unit, main = started.declared.unit, found.by_main_metric()
    told += [_came(started, found), _ratio(found)]
    told += [_difference(one) for one in main]
    told += _needed(main, unit)
    explained = max((one.explained for one in main), default=0.0)
    return [*told, ("Variance cut", f"{explained:.0%}", f"by what {unit}s did before (CUPED)")]


def _lasting(started: Started) -> Tile:
    if started.ended_us is None:
        return "State", "running", f"started {words.ago(started.started_us / SECOND_US)}", "good"
    lasted = words.span((started.ended_us - started.started_us) / SECOND_US)
    return "State", "ended", f"{words.ago(started.ended_us / SECOND_US)}, lasted {lasted}"


def _came(started: Started, found: Found) -> Tile:
    n_units = sum(one.units for one in found.variants)
    n_lists = sum(one.lists for one in found.variants)
    n_counted = sum(one.counted for one in found.variants)
    window = words.span(started.declared.window_days * DAY_S)
    note = f"{n_lists:,} lists; {n_counted:,} counted, {window} after their first"
    return f"{started.declared.unit.title()}s", f"{n_units:,}", note


def _ratio(found: Found) -> Tile:
    p = f"p: {_p(found.ratio_p)}"
    if found.is_lopsided:
        return "Sample ratio", "broken", p, "warn"
    return "Sample ratio", "as drawn", p, "good"


def _difference(one: Compared) -> Tile:
    label, shares = f"{one.variant}: {one.metric}", one.relative
    if one.verdict == "unsound":
        return label, "–", "cannot be told", "warn"
    if shares is None:
        return label, "–", "too few units yet", ""
    middle, low, high = shares
    return label, f"{middle:+.1%}", f"{low:+.1%} to {high:+.1%}", TONES.get(one.verdict, "")


def _needed(main: list[Compared], unit: str) -> list[Tile]:
    """Tell how long it still takes, where nothing is found yet."""
    waiting = [one for one in main if one.days_needed is not None]
    if not waiting:
        return []
    days = max(one.days_needed or 0.0 for one in waiting)
    units = max(one.units_needed or 0 for one in waiting)
    needed = words.span(days * DAY_S)
    return [("Still needed", f"≈{words.BLANK}{needed}", f"{units:,} {unit}s, at the pace so far")]


def _loud(started: Started, found: Found | None) -> list[tuple[str, Tone]]:
    """Tell what must not be overlooked."""
    told: list[tuple[str, Tone]] = []
    if found is not None and not found.is_sound:
        told.append((found.says, "warn"))
    for one in started.variants:
        if one.stopped_us is not None:
            at = words.minute(one.stopped_us)
            told.append((f"{one.name} was stopped on {at}: {one.why}.", "warn"))
    is_told = any(one.stopped_us == started.ended_us for one in started.variants)
    if started.ended_us is not None and not is_told:
        told.append((f"It ended on {words.minute(started.ended_us)}: {started.why}.", ""))
    return told


def _off_now(shop: Shop, started: Started) -> list[tuple[str, Tone]]:
    """Tell what the service stopped by itself; where it does not answer, nothing."""
    if not started.is_running:
        return []
    try:
        health = service.ask(shop, lambda client: client.health())
    except RecomartError:  # the live screen tells of it
        return []
    return [
        (f"{one.variant} is off in a worker of the service: {one.why_off}.", "warn")
        for one in health.variants
        if one.experiment == started.name and one.why_off
    ]


def _variants(shop: Shop, started: Started, found: Found | None) -> None:
    unit = started.declared.unit
    look.heading("Who saw what", f"Chance gives each {unit} its variant, and it keeps it.")
    models = {one.number: one.details.get("model") for one in shop.history("published_model")}
    seen = {one.name: one for one in found.variants} if found else {}
    n_units = sum(one.units for one in seen.values())
    rows = [
        (
            look.titled(one.name, ["control", *one.own_rules] if place == 0 else one.own_rules),
            f"{one.number} · {models.get(one.number) or 'not there'}",
            f"{one.share:.1%}",
            *_shown(seen.get(one.name), n_units),
            _state(
                is_on=started.is_running and one.stopped_us is None,
                off="ended" if one.stopped_us is None else "stopped",
            ),
        )
        for place, one in enumerate(started.variants)
    ]
    columns = ("variant", "model", "share", "came", f"{unit}s", "counted", "lists", "failed", "")
    look.table(columns, rows)


def _shown(its: Seen | None, n_units: int) -> tuple[object, ...]:
    """Return what came: share of units, units, those that count, lists, and how many failed."""
    if its is None:
        return "–", None, None, None, "–"
    share = its.units / n_units if n_units else 0.0
    came = look.measured(f"{share:.1%}", share)
    return came, its.units, its.counted, its.lists, f"{its.astray:.1%}"


def _compared(started: Started, found: Found) -> None:
    control, level = started.variants[0].name, f"{found.level:.0%}"
    look.heading("What differs", f"Each variant against {control}; {found.metric} decides.")
    if found.is_sound:
        _picture(found, control)
    columns = (
        *("variant", "metric", f"mean / {control}", f"difference, {level} interval", "p"),
        *("variance cut", "still needed", ""),
    )
    main = [place for place, one in enumerate(found.compared) if one.metric == found.metric]
    look.table(columns, [_row(one) for one in found.compared], best=main)
    look.text(
        f"Means are per {started.declared.unit}; pp: percentage points. Variance cut: the share "
        "that what they did before explains (CUPED). Still needed: until the least effect worth "
        "finding is found four times in five."
    )


def _picture(found: Found, control: str) -> None:
    rows = []
    for one in found.compared:
        if one.relative is not None:
            shares = dict(zip(("mean", "low", "high"), one.relative, strict=True))
            rows.append({"what": f"{one.variant}: {one.metric}", "tone": one.verdict, **shares})
    if rows:
        says = (
            f"The difference from {control}, as a share of it. The intervals hold at all looks "
            f"together ({found.level:.0%}): look, and stop, at any time."
        )
        figures.differences(rows, f"difference from {control}", says, "differences")


def _row(one: Compared) -> tuple[object, ...]:
    is_count = one.metric in COUNTS
    size, unit = (1.0, "") if is_count else (100.0, " pp")
    difference = f"{one.difference * size:+.2f}{unit}"
    if one.low is not None and one.high is not None:
        ends = f"[{one.low * size:+.2f}, {one.high * size:+.2f}]"
        difference = f"{one.difference * size:+.2f} {ends}{unit}"
    written = ".3f" if is_count else ".1%"
    return (
        one.variant,
        one.metric,
        look.whole(f"{one.mean:{written}} / {one.control_mean:{written}}"),
        look.whole(difference),
        look.whole(_p(one.p)),
        f"{one.explained:.0%}",
        "–" if one.days_needed is None else words.span(one.days_needed * DAY_S),
        VERDICTS[one.verdict],
    )


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= LEAST_P else f"< {LEAST_P:g}"


def _guardrails(started: Started, found: Found | None) -> None:
    """Show each limit, and how near each variant is to it."""
    rails, names = started.declared.guardrails, [one.name for one in started.variants]
    astray = {one.name: f"{one.astray:.1%}" for one in found.variants} if found else {}
    rows: list[tuple[object, ...]] = []
    if rails.max_failed is not None:
        failed = [astray.get(name, "–") for name in names]
        rows.append(("lists that fail", f"at most {rails.max_failed:.1%}", *failed))
    for metric, most in rails.max_drop.items():
        told = {one.variant: one for one in found.compared if one.metric == metric} if found else {}
        changes = [_change(told.get(name)) for name in names]
        rows.append((f"change of {metric}", f"at least {-most:.1%}", *changes))
    if rails.max_ms is not None:
        seen_to = ["the service sees to it"] * len(names)
        rows.append(("time of a list", f"19 of 20 within {rails.max_ms:g} ms", *seen_to))
    if rows:
        says = "What stops a variant by itself; a change once its whole interval lies below."
        look.heading("Guardrails", says)
        look.table(("guardrail", "limit", *names), rows)


def _change(one: Compared | None) -> str:
    if one is None or one.relative is None:
        return "–"
    middle, low, high = one.relative
    return words.unbroken(f"{middle:+.1%} [{low:+.1%}, {high:+.1%}]")
