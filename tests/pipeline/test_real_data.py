"""Real shops, from their files to recommendations; the data lies beside the repository."""

from pathlib import Path

import pytest

from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.ranking import Champion
from recomart.settings import load_settings
from recomart.settings.templates import template_text

SHARED = (Path(__file__).parents[2] / "../shared/data").resolve()
RETAILROCKET = SHARED / "retailrocket"


@pytest.mark.skipif(not RETAILROCKET.is_dir(), reason="RetailRocket's files are not beside it")
@pytest.mark.long
def test_retailrocket_goes_through_with_its_category_tree(tmp_path):
    text = template_text("retailrocket", data=RETAILROCKET.as_posix())
    (tmp_path / "recomart.yaml").write_text(text, encoding="utf-8")
    flags = {
        ("sources", "events", "path"): str(RETAILROCKET / "events_train.csv"),
        ("models", "train"): ["popularity", "cooccurrence", "rp3beta", "blend"],
        ("models", "parameters"): {"blend": {"members": [{"model": "rp3beta"}]}},
        ("evaluation", "bootstrap"): 100,
    }
    loaded = load_settings(tmp_path, environment={}, flags=flags)
    run(loaded)
    lake = open_lake(loaded)

    counts = lake.latest("valid_events").counts
    assert counts == {"in": 97_381, "valid": 97_381, "quarantined": 0, "duplicates": 0}
    assert lake.latest("categories").rows == 1_669
    assert len(Champion.open(loaded).recommend("0", 10)) == 10
