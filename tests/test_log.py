import json
import re

import pytest

from recomart.log import StageLog, recording, sentence


def test_a_stage_log_has_the_line_format_of_the_specification(tmp_path):
    with recording(tmp_path, "r1"):
        StageLog("ingestion").info("rows_ingested", rows=10000)

    line = (tmp_path / "ingestion.log").read_text()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - ingestion - INFO - Ingested 10000 interactions\n", line
    )


def test_the_run_keeps_every_event_for_machines(tmp_path):
    with recording(tmp_path, "r1") as path:
        StageLog("validation").warning("rows_parted", valid=9, quarantined=1)
        StageLog("training").error("stage_failed", seconds=1, error="no")

    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert events[0].items() >= {"run_id": "r1", "stage": "validation", "valid": 9}.items()
    assert [event["level"] for event in events] == ["warning", "error"]


def test_nothing_is_written_outside_a_recording(tmp_path):
    with recording(tmp_path, "r1"):
        pass
    StageLog("ingestion").info("rows_ingested", rows=1)

    assert not (tmp_path / "ingestion.log").exists()


@pytest.mark.parametrize(
    ("event", "fields", "said"),
    [
        ("rows_ingested", {"rows": 3}, "Ingested 3 interactions"),
        ("rows_ingested", {"n": 3}, "Rows ingested: n=3"),
        ("rows_parted", {"valid": 2, "bad": 1}, "Rows parted: valid=2, bad=1"),
        ("woke_up", {}, "Woke up"),
    ],
)
def test_an_event_is_said_as_a_sentence(event, fields, said):
    assert sentence(event, fields) == said
