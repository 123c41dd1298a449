"""What is missing or damaged is told: code, cause, remedy, and the rest of the screen stands."""

import shutil

import pytest

from recomart.lake import open_lake
from recomart.settings import load_settings
from tests.dashboard.ab import ab_tests
from tests.dashboard.conftest import open_shop


@pytest.fixture
def copy(two_models, tmp_path):
    return shutil.copytree(two_models, tmp_path / "copy")


def stored(folder, dataset, partition):
    lake = open_lake(load_settings(folder, environment={}))
    entry = lake.latest(dataset).by_partition()[partition]
    return folder / "data" / "lake" / entry.key


def spoil(path):
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("screen", "dataset", "file"),
    [
        ("overview", "evaluation", "evaluation.json"),
        ("quality", "quality", "data_quality_report.json"),
        ("exploration", "exploration", "hours.svg"),
        ("features", "user_features", ""),
        ("features", "feature_registry", "user_features/v1.json"),
        ("experiments", "evaluation", "evaluation.json"),
        ("explorer", "events", "2026-06-10"),
        ("explorer", "catalogue", ""),
    ],
)
def test_a_file_that_is_not_what_was_stored_is_told(screen, dataset, file, see, copy):
    spoil(stored(copy, dataset, file))
    told = see(screen, open_shop(copy)).problems

    assert told
    assert all("RM-500" in one and "Remedy:" in one and "sha256" in one for one in told)


def test_a_file_that_is_missing_is_told(see, copy):
    stored(copy, "quality", "data_quality_report.json").unlink()
    [told] = see("quality", open_shop(copy)).problems

    assert "RM-500" in told
    assert "sha256 no file" in told


def test_the_tiles_beside_a_damaged_one_stand(see, copy):
    spoil(stored(copy, "evaluation", "evaluation.json"))
    page = see("overview", open_shop(copy)).html

    assert "<b>popularity</b>" in page
    assert "<b>!</b><span>RM-500</span>" in page


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": 3}', b"\xff\xfe", b"[]"])
def test_a_manifest_that_is_none_is_told(body, see, copy):
    [manifest] = (copy / "data/lake/validated/quality/manifests").glob("*.json")
    manifest.chmod(0o644)
    manifest.write_bytes(body)
    [told] = see("quality", open_shop(copy)).problems

    assert "RM-500" in told
    assert "Restore it from a backup" in told


@pytest.mark.parametrize("file", ["experiments", "experiment_report"])
def test_a_damaged_file_of_ab_tests_is_told(file, see, by_hand):
    folder = ab_tests(by_hand)
    spoil(stored(folder, file, "experiments.json"))
    screen = see("ab_tests", open_shop(folder))
    [told] = screen.problems

    assert "RM-500" in told
    assert ("Who saw what" in screen.html) == (file == "experiment_report")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"models": 3}', b"\xff", b'{"score": "high"}'])
def test_a_file_of_another_release_is_told(body, see, by_hand):
    by_hand("evaluation", evaluation__json=body)
    folder = by_hand("quality", data_quality_report__json=body)
    shop = open_shop(folder)

    for name, file in (("experiments", "evaluation.json"), ("quality", "data_quality_report.json")):
        [told] = see(name, shop).problems
        assert "RM-130" in told
        assert file in told


def test_a_table_without_the_columns_is_told(see, by_hand):
    import json

    import pyarrow as pa

    from tests.dashboard.test_text import quality

    by_hand("quarantined_shop", rows=pa.table({"other": [1]}))
    folder = by_hand("quality", data_quality_report__json=json.dumps(quality("shop")).encode())
    [told] = see("quality", open_shop(folder)).problems

    assert "RM-130" in told
    assert "has not the columns" in told


def test_a_record_of_a_run_that_was_cut_is_told(see, copy):
    (copy / "logs" / "runs" / "20990101T000000000000Z-aaaaaa.json").write_bytes(b'{"run_id": "2')
    told = see("overview", open_shop(copy)).problems

    assert any("RM-130" in one and "20990101" in one for one in told)
