"""The report of experiments as a page; it holds nothing that is not in `experiments.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.pages import Page, intervals
from recomart.vocabulary import written

if TYPE_CHECKING:
    from recomart.experiments.model import Compared, Report, Result

WORDS = {"better": "better", "worse": "worse", "open": "open", "unsound": "cannot be told"}


def page_of(found: Report) -> str:
    """Return the page."""
    n_running = sum(one.ended_us is None for one in found.experiments)
    at = f"As of {_moment(found.analysed_us)}"
    page = Page(found.project, subtitle=f"Experiments. {at}", badge=f"{n_running} running")
    for result in found.experiments:
        _experiment(page, result)
    return page.html()


def _experiment(page: Page, result: Result) -> None:
    lasted = f"It runs since {_moment(result.started_us)}."
    if result.ended_us is not None:
        lasted = f"It ran from {_moment(result.started_us)} until {_moment(result.ended_us)}."
    page.section(result.name, f"{result.description} {lasted}".strip())
    verdicts = {one.verdict for one in result.compared if one.metric == result.metric}
    is_good = verdicts == {"better"}
    page.note(result.says, "good" if is_good else "info" if result.is_sound else "warn")
    for breach in result.breaches:
        page.note(f"{breach.variant} was stopped by a guardrail: {breach.says}.", "warn")
    if result.ended_us is not None and result.why:
        page.note(f"It ended: {result.why}.")
    _variants(page, result)
    if result.compared:
        _compared(page, result)


def _variants(page: Page, result: Result) -> None:
    rows = [
        [
            one.name,
            one.number,
            f"{one.share:.1%}",
            one.units,
            one.counted,
            one.lists,
            f"{one.astray:.1%}",
            "" if one.stopped_us is None else f"stopped {_moment(one.stopped_us)}: {one.why}",
        ]
        for one in result.variants
    ]
    told = f"Sample-ratio check: p = {result.ratio_p:.3g}" + (
        ", which is no accident." if result.is_whole and not result.is_sound else "."
    )
    columns = ("variant", "model", "share", f"{result.unit}s", "counted", "lists", "failed", "")
    page.table(columns, rows, f"{told} A {result.unit} counts {result.window_days:g} days after "
               "its first list.")  # fmt: skip


def _compared(page: Page, result: Result) -> None:
    drawn = [(one, one.relative) for one in result.compared]
    known = [(f"{one.variant}: {one.metric}", shares) for one, shares in drawn if shares]
    if known:
        known.insert(0, (f"{result.variants[0].name} (control)", (0.0, 0.0, 0.0)))
        middle, low, high = zip(*(shares for _, shares in known), strict=True)
        picture = intervals([name for name, _ in known], middle, low, high, "against the control")
        page.figure(
            picture,
            "The difference from the control, as a share of it. The intervals hold at all looks "
            f"together ({result.level:.0%}), so that one may look, and stop, at any time.",
        )
    page.table(
        ("variant", "metric", "mean", "control", "difference", "interval", "p", "explained",
         "verdict", "more units", "more days"),
        [_row(one) for one in result.compared],
        "Explained: the share of the variance that what units did before took away (CUPED). More "
        "units and days: until the least effect worth finding would be found.",
        [k for k, one in enumerate(result.compared) if one.metric == result.metric],
    )  # fmt: skip


def _row(one: Compared) -> list[object]:
    return [
        one.variant,
        one.metric,
        one.mean,
        one.control_mean,
        one.difference,
        "–" if one.low is None else f"{one.low:+.4f} to {one.high:+.4f}",
        f"{one.p:.2g}",
        f"{one.explained:.0%}",
        WORDS[one.verdict],
        one.units_needed,
        None if one.days_needed is None else round(one.days_needed, 1),
    ]


def _moment(at_us: int) -> str:
    return f"{written(at_us)[:16].replace('T', ' ')} UTC"
