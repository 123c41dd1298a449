import re

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

from recomart.pipeline.batch import BATCH
from recomart.pipeline.stages import STAGES
from scripts.reference import FOLDER, pages, type_of


@pytest.mark.parametrize("name", pages())
def test_the_reference_is_what_the_code_says(name):
    written = (FOLDER / name).read_text(encoding="utf-8")

    assert written == pages()[name], "run: python scripts/reference.py"


def test_a_type_is_told_in_words_with_its_bounds():
    share = FieldInfo.from_annotated_attribute(float | None, Field(None, ge=0, le=1))

    assert type_of(share) == "number or null ≥ 0 ≤ 1"


def test_every_data_set_that_a_stage_writes_is_described():
    listed = set(
        re.findall(r"^\| `([a-zA-Z_]+)` \| \w+ \| `", pages()["data-sets.md"], re.MULTILINE)
    )
    written = {
        re.sub(r"\*(\w+)", lambda star: star[1].upper(), name)
        for stage in (*STAGES, BATCH)
        for name in stage.writes
    }

    assert listed == written
