"""Data sets: what is committed is there whole, is verified, and is the latest."""

import subprocess
import sys

import ibis
import pyarrow as pa
import pytest

from recomart.errors import DataSetNotFoundError, IntegrityError, LakeBusyError
from recomart.lake import Lake, LocalObjects
from recomart.lake.lease import lease

MUG = {"item_id": ["mug"], "n": [1]}
SCHEMA = {"item_id": "string", "n": "int64"}


def table(rows):
    return ibis.memtable(pa.table(rows, schema=ibis.schema(SCHEMA).to_pyarrow()))


def test_what_was_written_is_read(bench):
    bench.write("item_features", table(MUG))

    assert bench.read("item_features").to_pyarrow().to_pydict() == MUG


def test_the_same_rows_have_the_same_version_and_share_their_file(bench):
    first = bench.write("item_features", table(MUG))
    second = bench.write("item_features", table(MUG))

    assert (second.number, second.version, second.files) == (2, first.version, first.files)


def test_other_rows_have_another_version_and_the_old_one_stays_readable(bench):
    first = bench.write("item_features", table(MUG))
    second = bench.write("item_features", table({"item_id": ["pen"], "n": [2]}))

    assert first.version != second.version
    assert bench.open_files(first.files, first).to_pyarrow().to_pydict() == MUG


def test_no_rows_keep_their_columns(bench):
    bench.write("item_features", table({"item_id": [], "n": []}))

    assert bench.read("item_features").to_pyarrow().column_names == list(SCHEMA)


def test_chosen_partitions_are_read_alone(bench):
    draft = bench.draft("events")
    for day, n in (("2026-01-01", 1), ("2026-01-02", 2)):
        draft.add_table(bench.stream(table({"item_id": ["mug"], "n": [n]})), day)
    bench.commit(draft)

    assert bench.read("events", ["2026-01-02"]).to_pyarrow()["n"].to_pylist() == [2]
    assert bench.read("events", []).count().to_pyarrow().as_py() == 0


def test_bytes_do_not_depend_on_the_size_of_batches(bench):
    rows = ibis.range(0, 300_000).unnest().cast("int64").name("n").as_table().order_by("n")
    draft = bench.draft("events")
    entries = [
        draft.add_table(bench.con.to_pyarrow_batches(rows, chunk_size=size), str(size))
        for size in (1_000, 77_777, 300_000)
    ]

    assert len({entry.sha256 for entry in entries}) == 1
    assert {entry.rows for entry in entries} == {300_000}


def test_a_flipped_bit_is_found(bench, tmp_path):
    manifest = bench.write("item_features", table(MUG))
    path = bench.lake.objects.path(manifest.files[0].key)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)

    with pytest.raises(IntegrityError, match="sha256"):
        Lake(bench.lake.objects).paths(manifest.files)


def test_a_lost_file_is_found(bench):
    manifest = bench.write("item_features", table(MUG))
    bench.lake.objects.delete(manifest.files[0].key)

    with pytest.raises(IntegrityError, match="no file"):
        bench.lake.paths(manifest.files)


def test_a_cut_manifest_is_an_integrity_error(bench):
    bench.write("item_features", table(MUG))
    [key] = bench.lake.objects.keys("features/item_features/manifests")
    path = bench.lake.objects.path(key)
    path.write_bytes(path.read_bytes()[:50])

    with pytest.raises(IntegrityError, match="manifest"):
        bench.lake.latest("item_features")


def test_a_name_that_is_not_there_is_answered_with_the_nearest(bench):
    bench.write("item_features", table(MUG))

    with pytest.raises(DataSetNotFoundError, match="Did you mean 'item_features'"):
        bench.lake.latest("item_feature")


def test_files_without_a_manifest_are_no_data_set(bench):
    bench.draft("events").add_table(bench.stream(table(MUG)))

    assert bench.lake.find("events") is None
    assert bench.lake.names() == []


def test_a_file_of_a_data_set_is_read_by_name(bench):
    draft = bench.draft("quality")
    draft.add_bytes("report.json", b"{}")
    bench.commit(draft)

    assert bench.lake.read("quality", "report.json") == b"{}"
    with pytest.raises(DataSetNotFoundError):
        bench.lake.read("quality", "other.json")


def test_a_lost_race_is_told(bench):
    manifest = bench.write("item_features", table(MUG))

    with pytest.raises(LakeBusyError):
        bench.lake.publish(manifest)


def test_history_is_oldest_first(bench):
    for n in (1, 2, 3):
        bench.write("item_features", table({"item_id": ["mug"], "n": [n]}))

    assert [manifest.number for manifest in bench.lake.history("item_features")] == [1, 2, 3]


HOLD = """
import sys, time
from pathlib import Path
from recomart.lake.lease import lease
with lease(Path(sys.argv[1]), "other-run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path):
    root = tmp_path / "lake"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(LakeBusyError, match=f"other-run, process {holder.pid}"),
            lease(root, "r"),
        ):
            pass
        holder.kill()

    with lease(root, "mine"):  # what a killed run held is free at once
        held = (root / ".lease.json").read_text()
    assert '"mine"' in held


def test_an_empty_lake_has_no_names(tmp_path):
    assert Lake(LocalObjects(tmp_path / "nothing")).names() == []
