"""OpenLineage events: what the records and manifests say, to a file and to a server."""

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recomart.errors import (
    AccessDeniedError,
    ContractError,
    MissingExtraError,
    StoreUnavailableError,
)
from recomart.lake import open_lake
from recomart.pipeline.followers import tell_followers
from recomart.pipeline.openlineage import tell
from recomart.pipeline.record import RunRecord, StageRecord
from recomart.pipeline.runner import run
from recomart.pipeline.runs import Runs
from recomart.settings import load_settings
from tests.pipeline.conftest import SETTINGS
from tests.servers import free_port

STAGES = ("ingest", "validate", "quality_report", "prepare", "build_features")


def shop(folder, shop_files, **flags):
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    given = {tuple(key.split("__")): value for key, value in flags.items()}
    return load_settings(folder, environment={}, flags=given)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, shop_files):
    loaded = shop(tmp_path_factory.mktemp("ran"), shop_files)
    return loaded, run(loaded, STAGES)


@pytest.fixture(scope="module")
def events(ran):
    return lines(ran[0])


def lines(loaded):
    text = loaded.path(loaded.settings.lineage.file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def of(events, job, state="COMPLETE"):
    [found] = [e for e in events if (e["job"]["name"], e["eventType"]) == (job, state)]
    return found


def named(datasets, name):
    [found] = [dataset for dataset in datasets if dataset["name"] == name]
    return found


def with_url(loaded, url, file=""):
    lineage = loaded.settings.lineage.model_copy(update={"url": url, "file": file})
    return type(loaded)(loaded.settings.model_copy(update={"lineage": lineage}), loaded.folder)


@contextmanager
def endpoint(status=201, port=0):
    """A server that remembers what it is sent: (path, key, body)."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_run_and_each_stage_start_and_end_at_the_times_of_the_record(ran, events):
    record = ran[1]
    told = [(e["job"]["name"], e["eventType"]) for e in events]

    pairs = [(stage, state) for stage in STAGES for state in ("START", "COMPLETE")]
    assert told == [("run", "START"), *pairs, ("run", "COMPLETE")]
    assert of(events, "run", "START")["eventTime"] == record.started_at
    assert [of(events, s.stage, "START")["eventTime"] for s in record.stages] == [
        s.started_at for s in record.stages
    ]
    assert sorted(e["eventTime"] for e in events) == [e["eventTime"] for e in events]


def test_a_stage_is_a_part_of_its_run(ran, events):
    parent = of(events, "prepare")["run"]["facets"]["parent"]
    tags = of(events, "prepare")["run"]["facets"]["tags"]["tags"]

    assert parent["run"]["runId"] == of(events, "run")["run"]["runId"]
    assert {"key": "run_id", "value": ran[1].run_id, "source": "RECOMART"} in tags
    assert len({e["run"]["runId"] for e in events}) == len(STAGES) + 1


def test_data_sets_have_the_version_the_columns_and_the_size_of_their_manifest(ran, events):
    manifest = open_lake(ran[0]).latest("events")
    made = named(of(events, "prepare")["outputs"], "events")
    read = named(of(events, "build_features")["inputs"], "events")

    assert made["namespace"] == "Small shop"
    assert made["facets"]["version"]["datasetVersion"] == manifest.version
    columns = {field["name"]: field["type"] for field in made["facets"]["schema"]["fields"]}
    assert columns == manifest.columns
    size = made["outputFacets"]["outputStatistics"]
    n_bytes = sum(file.bytes for file in manifest.files)
    expected = (manifest.rows, n_bytes, len(manifest.files))
    assert (size["rowCount"], size["size"], size["fileCount"]) == expected
    assert read["facets"]["version"] == made["facets"]["version"]


def test_a_start_says_what_is_read_and_an_end_what_was_made(events):
    start, end = of(events, "prepare", "START"), of(events, "prepare")

    assert start["outputs"] == []
    assert [d["name"] for d in start["inputs"]] == [d["name"] for d in end["inputs"]]
    assert {"valid_events", "valid_categories"} <= {d["name"] for d in end["inputs"]}
    assert {d["name"] for d in end["outputs"]} >= {"events", "item_history", "categories"}


def test_the_columns_of_a_feature_are_told(events):
    view = named(of(events, "build_features")["outputs"], "item_features")
    fields = view["facets"]["columnLineage"]["fields"]["price"]["inputFields"]

    told = {(f["name"], f["field"]): [t["type"] for t in f["transformations"]] for f in fields}
    assert told["item_history", "price"] == ["DIRECT"]
    assert told["item_history", "known_from_us"] == ["INDIRECT"]
    assert {f["namespace"] for f in fields} == {"Small shop"}


def test_the_quality_of_data_is_told(ran, events):
    raw = named(of(events, "validate")["inputs"], "raw_events")["inputFacets"]
    valid = named(of(events, "quality_report")["inputs"], "valid_events")["inputFacets"]

    broken = [a for a in raw["dataQualityAssertions"]["assertions"] if not a["success"]]
    assert broken
    assert {a["severity"] for a in broken} <= {"error", "warn"}
    assert valid["dataQualityMetrics"]["columnMetrics"]["user_id"]["nullCount"] == 0
    assert valid["dataQualityMetrics"]["rowCount"] == open_lake(ran[0]).latest("valid_events").rows


def test_every_event_and_facet_names_its_maker_and_its_schema(events):
    def facets(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key.lower().endswith("facets") and isinstance(value, dict):
                    yield from value.values()
                yield from facets(value)
        for one in node if isinstance(node, list) else ():
            yield from facets(one)

    found = list(facets(events))
    assert len(found) > 100
    assert {f["_producer"] for f in found} == {e["producer"] for e in events}
    assert all(f["_schemaURL"].startswith("https://openlineage.io/spec/facets/") for f in found)


def test_a_failure_is_told_with_its_cause(tmp_path, shop_files):
    loaded = shop(tmp_path, shop_files, quality__max_quarantined=0.0)
    with pytest.raises(ContractError):
        run(loaded, STAGES)

    told = lines(loaded)
    failed = of(told, "validate", "FAIL")["run"]["facets"]["errorMessage"]
    assert failed["message"].startswith("RM-140")
    assert of(told, "run", "FAIL")["run"]["facets"]["errorMessage"] == failed
    assert [e for e in told if e["job"]["name"] == "prepare"] == []


def test_a_run_that_was_killed_is_aborted_and_told_after_the_next(tmp_path, shop_files):
    loaded = shop(tmp_path, shop_files)
    stages = [
        StageRecord(stage="ingest", outcome="skipped", started_at="2026-01-01T00:00:00.000+00:00"),
        StageRecord(stage="validate", started_at="2026-01-01T00:00:01.000+00:00"),
    ]
    cut = RunRecord(run_id="20260101T000000Z", started_at="2026-01-01T00:00:00.000+00:00")
    Runs.of(loaded, open_lake(loaded)).save(cut.model_copy(update={"stages": stages}))

    run(loaded, ["ingest"])

    told = [(e["job"]["name"], e["eventType"]) for e in lines(loaded)[:4]]
    assert told == [
        *(("run", "START"), ("validate", "START"), ("validate", "ABORT"), ("run", "ABORT"))
    ]


def test_a_run_that_made_nothing_is_not_told(ran):
    before = lines(ran[0])
    run(ran[0], ["validate", "quality_report"])

    assert lines(ran[0]) == before


def test_a_server_gets_the_same_events(ran, events):
    loaded, record = ran
    with endpoint() as (url, got):
        assert list(tell(with_url(loaded, url), open_lake(loaded), [record])) == [record.run_id]

    assert [body for *_, body in got] == events
    assert {path for path, *_ in got} == {"/api/v1/lineage"}


def test_a_path_and_a_key_of_ones_own_are_used(ran, monkeypatch):
    loaded, record = ran
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "sesame")
    with endpoint() as (url, got):
        list(tell(with_url(loaded, f"{url}/openlineage/v1"), open_lake(loaded), [record]))

    assert {(path, key) for path, key, _ in got} == {("/openlineage/v1", "Bearer sesame")}


@pytest.mark.parametrize(
    ("status", "error"), [(401, AccessDeniedError), (503, StoreUnavailableError)]
)
def test_a_server_that_does_not_take_events_is_named_without_its_password(ran, status, error):
    loaded, record = ran
    with endpoint(status) as (url, got), pytest.raises(error) as raised:
        list(tell(with_url(loaded, url.replace("//", "//me:pw@")), open_lake(loaded), [record]))

    assert "//me:***@127.0.0.1" in str(raised.value)
    assert len(got) == 1


def test_what_a_server_missed_is_told_when_it_is_up_again(tmp_path, shop_files):
    port = free_port()
    loaded = shop(tmp_path, shop_files, lineage__url=f"http://127.0.0.1:{port}")
    record = run(loaded, ["ingest"])
    runs = Runs.of(loaded, open_lake(loaded))
    [down] = [t for t in tell_followers(loaded, runs) if t.follower == "lineage"]

    assert (down.told, down.waiting) == (0, 1)
    assert "did not answer" in down.cause
    assert not loaded.path(loaded.settings.lineage.file).exists()
    with endpoint(port=port) as (_, got):
        [up] = [t for t in tell_followers(loaded, runs) if t.follower == "lineage"]
    assert (up.told, up.waiting, up.cause) == (1, 0, None)
    tags = got[0][2]["run"]["facets"]["tags"]["tags"]
    assert {tag["value"] for tag in tags if tag["key"] == "run_id"} == {record.run_id}
    assert [body for *_, body in got] == lines(loaded)


def test_lines_stay_whole_after_one_that_was_cut(ran, events, tmp_path):
    loaded, record = ran
    file = tmp_path / "lineage.jsonl"
    file.write_text('{"eventTime": "2026', encoding="utf-8")

    list(tell(with_url(loaded, "", str(file)), open_lake(loaded), [record]))

    first, *rest = file.read_text(encoding="utf-8").splitlines()
    assert first == '{"eventTime": "2026'
    assert [json.loads(line) for line in rest] == events


def test_the_environment_has_no_say_in_where_events_go(ran, events, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    file = tmp_path / "lineage.jsonl"

    list(tell(with_url(ran[0], "", str(file)), open_lake(ran[0]), [ran[1]]))

    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == events


def test_with_nowhere_to_tell_runs_wait(ran):
    assert list(tell(with_url(ran[0], ""), open_lake(ran[0]), [ran[1]])) == []


def test_without_the_library_the_remedy_is_named(ran, monkeypatch):
    for module in ("openlineage_events", "openlineage_facets"):
        monkeypatch.delitem(sys.modules, f"recomart.pipeline.{module}", raising=False)
        monkeypatch.delattr(f"recomart.pipeline.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "openlineage.client.event_v2", None)

    with pytest.raises(MissingExtraError, match=r"recomart\[lineage\]"):
        list(tell(ran[0], open_lake(ran[0]), [ran[1]]))
