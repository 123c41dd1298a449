"""Lineage: every version leads to what it was made from, and to what was made of it."""

import json

import pytest

from recomart.lake import Draft, Lake, LocalObjects, Making, Versions, ancestry, descent

RAW, VALID, EVENTS, MODEL = "raw_shop", "valid_shop", "events", "model_als"


@pytest.fixture
def lake(tmp_path):
    return Lake(LocalObjects(tmp_path / "lake"))


def make(lake, name, content, *parents, run_id="r1"):
    draft = Draft(lake, name)
    draft.add_bytes("2026/01/01/events.csv", content.encode(), rows=len(content))
    making = Making(key="k", stage="training", run_id=run_id, code_version="c1")
    return draft.commit(making, [parent.as_parent() for parent in parents])


@pytest.fixture
def chain(lake):
    """A line from a raw file to a model, with a view beside it."""
    raw = make(lake, RAW, "abc")
    valid = make(lake, VALID, "ab", raw)
    events = make(lake, EVENTS, "ab", valid)
    view = make(lake, "item_features", "x", events)
    return raw, valid, events, view, make(lake, MODEL, "m", events, valid)


def names(lineage):
    return [node.name for node in lineage.nodes.values()]


def edges(lineage):
    return sorted(tuple(key.partition("#")[0] for key in edge) for edge in lineage.edges)


def test_a_model_leads_back_to_the_raw_file(lake, chain):
    found = ancestry(Versions(lake), [chain[-1]])

    assert names(found) == [MODEL, EVENTS, VALID, RAW]
    assert edges(found) == [(EVENTS, MODEL), (RAW, VALID), (VALID, EVENTS), (VALID, MODEL)]
    [file] = found.nodes[f"{RAW}#1"].files
    assert (file.partition, file.rows, len(file.sha256)) == ("2026/01/01/events.csv", 3, 64)


def test_a_raw_file_leads_on_to_all_that_was_made_of_it(lake, chain):
    found = descent(Versions(lake), chain[0])

    assert sorted(names(found)) == sorted([RAW, VALID, EVENTS, "item_features", MODEL])
    assert (EVENTS, "item_features") in edges(found)


def test_what_stands_beside_a_version_is_not_in_its_lineage(lake, chain):
    make(lake, MODEL, "other", make(lake, EVENTS, "other"))

    assert "item_features" not in names(ancestry(Versions(lake), [chain[-1]]))
    assert [n.version for n in descent(Versions(lake), chain[2]).nodes.values()].count(
        lake.latest(MODEL).version
    ) == 0


def test_a_parent_that_is_gone_is_marked(lake, chain):
    lake.objects.delete("prepared/events/manifests/00000001.json")

    found = ancestry(Versions(lake), [chain[-1]])

    [gone] = [node for node in found.nodes.values() if node.manifest is None]
    assert (gone.name, gone.version) == (EVENTS, chain[2].version)
    assert gone.as_record()["is_in_the_lake"] is False
    assert {node.name for node in found.parents(f"{MODEL}#1")} == {EVENTS, VALID}


def test_of_versions_with_the_same_content_the_one_that_was_there_is_meant(lake, chain):
    model = chain[-1].model_copy(update={"number": 2, "created_at": "2000-01-01T00:00:00+00:00"})
    early = chain[2].model_copy(update={"number": 2, "created_at": "1999-01-01T00:00:00+00:00"})
    lake.publish(early)
    make(lake, EVENTS, "ab", chain[1], run_id="later")

    assert "events#2" in ancestry(Versions(lake), [model]).nodes
    assert "events#3" in ancestry(Versions(lake), [make(lake, MODEL, "n", early)]).nodes


def test_each_manifest_is_read_once_and_no_more_than_needed(lake, chain):
    read = []

    class Counting(LocalObjects):
        def get(self, key):
            read.append(key)
            return super().get(key)

    make(lake, EVENTS, "newer", chain[1])
    versions = Versions(Lake(Counting(lake.objects.root)))
    for _ in range(3):
        ancestry(versions, [chain[-1]])
        descent(versions, chain[0])

    assert len(read) == len(set(read)) == 6


def test_many_lineages_are_one_where_they_meet(lake, chain):
    found = ancestry(Versions(lake), [chain[3], chain[4]])

    assert found.roots == ("item_features#1", f"{MODEL}#1")
    assert [node.name for node in found.children("events#1")] == ["item_features", MODEL]


def test_programs_get_nodes_and_edges(lake, chain):
    told = json.loads(json.dumps(ancestry(Versions(lake), [chain[-1]]).as_record()))

    assert told["roots"] == [f"{MODEL}#1"]
    assert {"from": "events#1", "to": f"{MODEL}#1"} in told["edges"]
    assert {node["run_id"] for node in told["nodes"]} == {"r1"}
    assert [node["files"] for node in told["nodes"] if node["name"] == MODEL] == [[]]
