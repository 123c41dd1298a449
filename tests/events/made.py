"""Made-up events."""

from recomart.events import Event

NOW_US = 1_767_225_600_000_000
"""2026-01-01"""


def event(number, **changes):
    """Return an event that differs from others by its id."""
    made = Event(f"e{number}", "ann", "mug", "view", NOW_US - 1_000_000, NOW_US)
    return made._replace(**changes)


def events(first, last):
    return [event(number) for number in range(first, last)]
