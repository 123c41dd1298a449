"""Prometheus' files: taken by promtool, each alert tested and explained, each metric ours."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.names import DEPLOY, metrics_in, metrics_of_ours, panels
from tests.servers import find

PROMETHEUS = DEPLOY / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "monitoring.md"


def rules(kind):
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from (rule for rule in group["rules"] if kind in rule)


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def promtool(*words):
    return subprocess.run(
        [find("promtool"), *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROMETHEUS,
    )


def test_promtool_takes_the_configuration_and_its_rules():
    found = promtool("check", "config", "--syntax-only", "prometheus.yml")

    assert found.returncode == 0, found.stdout + found.stderr
    assert promtool("check", "rules", *PROMETHEUS.glob("rules/*.yml")).returncode == 0


def test_each_alert_fires_on_what_it_is_for_and_is_silent_otherwise():
    found = promtool("test", "rules", *TESTS)

    assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_has_such_a_test():
    fires, silent, healthy = set(), set(), set()
    for path in TESTS:
        tests = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        healthy |= {case["alertname"] for case in tests[0]["alert_rule_test"]}
        for case in (case for test in tests[1:] for case in test["alert_rule_test"]):
            (fires if case.get("exp_alerts") else silent).add(case["alertname"])

    assert fires == silent == healthy == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_what_it_is_and_where_to_read_on(name):
    alert = ALERTS[name]
    heads = re.findall(r"^#+ (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")

    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    assert page == "docs/guide/monitoring.md"
    assert anchor == name.lower()
    assert name in heads


def test_every_metric_that_rules_and_panels_name_is_one_of_ours():
    asked = [rule["expr"] for kind in ("alert", "record") for rule in rules(kind)]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]

    named = {name for expr in asked for name in metrics_in(expr)}

    assert named <= metrics_of_ours()
    assert len(named) > 40


def test_every_recorded_figure_that_is_asked_for_is_recorded():
    recorded = {rule["record"] for rule in rules("record")}
    asked = [rule["expr"] for rule in rules("alert")]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    used = {name for expr in asked for name in re.findall(r"[a-z]+:\w+:\w+", expr)}

    assert used <= recorded
