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
    main = found.by_main_metric() if found else []
    winner = max(
        (one for one in main if one.verdict == "better"),
        key=lambda one: one.difference,
        default=None,
    )
    if started.is_running and found is not None and not found.is_sound:
        says = "Find where visitors are lost; then start it anew, under another name."
        if not found.is_whole:
            says = "Stop it, and let the next one be shorter than `monitoring.keep_days`."
        return [(says, [_stop(shop, started, "nothing can be concluded")])]
    if winner is not None and found is not None and found.is_sound:
        return _decide(shop, started, winner)
    if not started.is_running:
        return [("No variant was better; all visitors see the champion's lists.", [])]
    told = [
        (f"Stop {one.variant}: it is worse.", [_stop(shop, started, "worse", one.variant)])
        for one in main
        if one.verdict == "worse" and _is_given(started, one.variant)
    ]
    says = "Wait, and look as often as you like: that costs nothing." if found else "Analyse it."
    return [*told, (says, [look_again])]


def _is_given(started: Started, variant: str) -> bool:
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
