"""The table of stages: what makes a stage run again."""

import pytest

from recomart.features.views import views_of
from recomart.pipeline import stages
from recomart.pipeline.stages import STAGES, expand
from recomart.settings import Settings

BY_NAME = {stage.name: stage for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES, ids=BY_NAME)
def test_a_new_look_of_pages_concerns_the_stages_that_write_pages(stage, monkeypatch):
    before = stage.code_version()
    real = stages._code_of
    monkeypatch.setattr(stages, "_code_of", lambda r: "new" if r == "pages" else real(r))
    writes_pages = stage.name in {"quality_report", "explore", "evaluate", "registry_page"}

    assert (stage.code_version() != before) == writes_pages


def test_the_template_of_a_page_is_code(tmp_path, monkeypatch):
    room = tmp_path / "recomart_room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "page.html.j2").write_text("old")
    origin = type("Spec", (), {"origin": str(room / "__init__.py")})
    monkeypatch.setattr(stages, "find_spec", lambda _: origin)
    before = stages._code_of.__wrapped__("room")
    (room / "page.html.j2").write_text("new")

    assert stages._code_of.__wrapped__("room") != before


def test_the_encoders_are_among_what_the_features_leave():
    assert BY_NAME["build_features"].writes == ("encoders", "*view")


def test_views_are_known_by_name_and_version():
    settings = Settings.model_validate(
        {
            "features": {
                "versions": {"user_features": "v2"},
                "views": {"mine": {"entity": "user", "features": {"n": {"of": "count"}}}},
            }
        }
    )
    views = views_of(settings.features).values()

    assert expand(["*view"], settings) == [view.dataset for view in views]
    assert {"user_features_v2", "mine", "item_features"} <= set(expand(["*view"], settings))
