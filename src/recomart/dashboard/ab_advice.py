"""What to do next about an A/B test: sentences, and the commands that do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.dashboard.commands import typed

if TYPE_CHECKING:
    from recomart.dashboard.ab_records import Compared, Found, Started
    from recomart.dashboard.shop import Shop

Step = tuple[str, list[str]]


def start(shop: Shop, name: str) -> str:
    """Return the command that starts one."""
    return typed(shop, "experiment", "start", name, "--why", "…")


def next_steps(shop: Shop, started: Started, found: Found | None) -> list[Step]:
    """Return what may be done about one, the first thing first."""
    look_again = typed(shop, "experiment", "report")
    if found is None:
        return [("Analyse it.", [look_again])]
    if not found.is_sound:
        return [_end(shop, started, found)]
    main = [one for one in found.by_main_metric() if _is_given(started, one.variant)]
    better = [one for one in main if one.verdict == "better"]
    if better:
        return _decide(shop, started, max(better, key=lambda one: one.difference))
    if not started.is_running:
        return [("No variant was better; all visitors see the champion's lists.", [])]
    worse = [one.variant for one in main if one.verdict == "worse"]
    told = [(f"Stop {one}: it is worse.", [_stop(shop, started, "worse", one)]) for one in worse]
    return [*told, ("Wait, and look as often as you like: that costs nothing.", [look_again])]


def _end(shop: Shop, started: Started, found: Found) -> Step:
    """Say what to do about one of which nothing can be concluded."""
    says = "Let the next one be shorter than `monitoring.keep_days`."
    if found.is_whole:
        says = "Find where visitors are lost; then start it anew, under another name."
    why = "nothing can be concluded"
    return says, [_stop(shop, started, why)] if started.is_running else []


def _is_given(started: Started, variant: str) -> bool:
    """Whether nobody and nothing stopped it: what a guardrail stopped is no winner."""
    return any(one.name == variant and one.stopped_us is None for one in started.variants)


def _stop(shop: Shop, started: Started, why: str, variant: str = "") -> str:
    which = ("--variant", variant) if variant else ()
    return typed(shop, "experiment", "stop", started.name, *which, "--why", why)


def _decide(shop: Shop, started: Started, winner: Compared) -> list[Step]:
    """Stop it, and let all visitors see what won."""
    told: list[Step] = []
    if started.is_running:
        why = f"{winner.variant} is better"
        told.append((f"Stop it: {winner.variant} is better.", [_stop(shop, started, why)]))
    variant = next((one for one in started.variants if one.name == winner.variant), None)
    champion = shop.champion()
    if variant and champion and champion[0].number != variant.number:
        why = f"better in the A/B test {started.name}"
        command = typed(shop, "models", "promote", str(variant.number), "--why", why)
        told.append((f"Let all visitors see model {variant.number}.", [command]))
    if variant and variant.own_rules:
        rules = ", ".join(f"serving.{name}" for name in variant.own_rules)
        told.append((f"Set its rules for all in recomart.yaml: {rules}.", []))
    return told or [("It is decided, and in force.", [])]
