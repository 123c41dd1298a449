"""An A/B test as its files tell of it, put into a lake by hand."""

import json

AT_US = 1_767_225_600_000_000
VARIANT = {
    "number": 1,
    "share": 0.5,
    "rules": {"exclude_seen": True},
    "stopped_us": None,
    "why": "",
}
STARTED = {
    "name": "trial",
    "declared": {
        "description": "Which?",
        "unit": "user",
        "metric": "clicked",
        "window_days": 1,
        "guardrails": {"max_drop": {"bought": 0.1}, "max_failed": 0.05, "max_ms": 50},
    },
    "started_us": AT_US,
    "ended_us": None,
    "why": "to know",
    "variants": [{**VARIANT, "name": "old"}, {**VARIANT, "name": "new"}],
}
SEEN = {"units": 100, "counted": 90, "lists": 120, "astray": 0.01}
COMPARED = {
    "variant": "new",
    "metric": "clicked",
    "mean": 0.3,
    "control_mean": 0.2,
    "difference": 0.1,
    "low": 0.05,
    "high": 0.15,
    "p": 0.01,
    "explained": 0.2,
    "verdict": "better",
    "units_needed": None,
    "days_needed": None,
}
FOUND = {
    "name": "trial",
    "says": "new is better than the control by clicked.",
    "metric": "clicked",
    "level": 0.95,
    "variants": [{**SEEN, "name": "old"}, {**SEEN, "name": "new"}],
    "ratio_p": 0.7,
    "is_sound": True,
    "is_whole": True,
    "compared": [COMPARED, {**COMPARED, "metric": "bought", "verdict": "open"}],
}


def ab_tests(by_hand, started=(STARTED,), found=(FOUND,)):
    """Put them into the lake; give the folder of the shop."""
    report = {"analysed_us": AT_US, "experiments": found}
    by_hand("experiments", experiments__json=json.dumps({"experiments": started}).encode())
    return by_hand("experiment_report", experiments__json=json.dumps(report).encode())
