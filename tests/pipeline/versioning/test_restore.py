"""Going back: byte for byte, all or nothing, and on from there."""

from recomart.lake import open_lake
from recomart.pipeline import run, versioning
from tests.pipeline.versioning.conftest import STAGES


def content(loaded):
    """What each data set holds: its version, and its files by sha256, which are checked."""
    lake = open_lake(loaded)
    found = {name: lake.latest(name) for name in lake.names()}
    for manifest in found.values():
        lake.paths(manifest.files)
    return {
        name: (m.version, m.number, [(f.partition, f.sha256) for f in m.files])
        for name, m in found.items()
    }


def made(record):
    return [name for stage in record.stages for name in stage.made]


def test_a_restored_snapshot_is_what_it_was_and_runs_go_on_from_it(kept, next_day):
    first = content(kept)
    next_day()
    run(kept, STAGES)
    second = content(kept)
    versioning.snapshot(kept, "second")
    assert second != first

    done = versioning.restore(kept, "HEAD~1")
    assert done.message == "first"
    assert content(kept) == first

    next_day(come=False)
    assert made(run(kept, STAGES)) == []
    next_day()
    run(kept, STAGES)
    assert content(kept) == second

    versioning.restore(kept, "HEAD", force=True)
    assert content(kept) == second
    assert made(run(kept, STAGES)) == []
