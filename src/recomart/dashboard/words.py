"""Numbers and moments as people say them."""

from __future__ import annotations

from datetime import datetime, timezone

from recomart.vocabulary import written

BLANK = "\u00a0"
"""At which a line is not broken."""
STEPS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def now_s() -> float:
    """Return the moment, in seconds since 1970."""
    return datetime.now(timezone.utc).timestamp()


def span(seconds: float) -> str:
    """Write how long: ``3 d``, ``4.2 h``, ``12 min``, ``5 s``, ``8 ms``; it is not broken."""
    for size, unit in STEPS:
        if abs(seconds) >= size:
            amount = seconds / size
            return f"{amount:.2g}{BLANK}{unit}" if amount < 10 else f"{amount:,.0f}{BLANK}{unit}"
    return f"{1_000 * seconds:.3g}{BLANK}ms"


def since(moment: str) -> str:
    """Write how long ago an ISO moment was."""
    return ago(datetime.fromisoformat(moment).timestamp())


def ago(at_s: float) -> str:
    """Write how long ago a moment in seconds was."""
    return f"{span(max(now_s() - at_s, 1.0))}{BLANK}ago"


def minute(at_us: int) -> str:
    """Write the day and minute of a moment in microseconds, UTC."""
    return f"{day(written(at_us))}{BLANK}UTC"


def day(moment: str) -> str:
    """Write the day and minute of an ISO moment, UTC."""
    return moment[:16].replace("T", BLANK)


def interval(mean: float | None, low: float | None, high: float | None) -> str:
    """Write a mean with its interval."""
    if mean is None:
        return "–"
    ends = "" if low is None or high is None else f" [{low:.4f}, {high:.4f}]"
    return unbroken(f"{mean:.4f}{ends}")


def unbroken(text: str) -> str:
    """Return a text that stays on one line."""
    return text.replace(" ", BLANK)


def share(hits: int, n: int, low: float | None, high: float | None) -> str:
    """Write a share with its interval."""
    if not n:
        return "–"
    return unbroken(f"{hits / n:.1%} [{low or 0:.1%}, {high or 0:.1%}]")
