"""The lineage as page and picture: every version, file and column; names are text."""

import html
import re
from html.parser import HTMLParser

import pytest

from recomart.lake import Draft, Making, Versions, ancestry, open_lake
from recomart.pipeline.lineage_page import lineage_page
from recomart.pipeline.lineage_picture import picture
from recomart.pipeline.published import publish_reports
from recomart.settings import Loaded, Settings
from tests.pages.test_flow import INJECTIONS


@pytest.fixture
def loaded(tmp_path):
    return Loaded(Settings(project="Small shop"), tmp_path)


def make(lake, name, *parents, file="a.csv", rows=7):
    draft = Draft(lake, name)
    entry = draft.add_bytes("a.csv", f"{name}{file}".encode(), rows=rows)
    draft.files = {file: entry.model_copy(update={"partition": file})}
    making = Making(key="k", stage="training", run_id="20260101T120000Z-1", code_version="c0de")
    return draft.commit(making, [parent.as_parent() for parent in parents])


@pytest.fixture
def lake(loaded):
    lake = open_lake(loaded)
    raw = make(lake, "raw_shop", file="shop.csv")
    valid = make(lake, "valid_shop", raw)
    events = make(lake, "events", valid, rows=1_234_567)
    models = [make(lake, f"model_{name}", events) for name in ("als", "knn")]
    views = [make(lake, f"{name}_features", events) for name in ("user", "item", "session")]
    make(lake, "published_model", make(lake, "evaluation", *models, *views))
    return lake


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, *sorted(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_has_every_version_file_and_feature(loaded, lake):
    page = lineage_page(loaded, lake)

    for manifest in (lake.latest(name) for name in lake.names()):
        assert manifest.version[:8] in page
    assert lake.latest("raw_shop").files[0].sha256[:12] in page
    assert "shop.csv" in page
    assert re.search(r"price_normalised</td><td>events: price; item_history: price</td>", page)
    assert "published_model #1" in page
    assert "1,234,567" in page


def test_the_page_is_the_same_each_time(loaded, lake):
    assert lineage_page(loaded, lake) == lineage_page(loaded, open_lake(loaded))


def test_a_version_that_is_gone_is_said_to_be(loaded, lake):
    lake.objects.delete("prepared/events/manifests/00000001.json")

    page = lineage_page(loaded, lake)

    assert "not in the lake" in page
    assert "stroke-dasharray" in page


def test_the_page_of_an_empty_lake_says_so(loaded):
    assert "nothing is published yet" in lineage_page(loaded, open_lake(loaded))


def test_the_page_is_among_the_reports_and_of_the_moment(loaded, lake):
    draft = Draft(lake, "exploration")
    draft.add_bytes("eda.html", b"<p>shop</p>")
    draft.commit(Making(key="k", stage="preparation", run_id="r"))

    names = [path.name for path in publish_reports(loaded)]
    before = (loaded.folder / "reports" / "lineage.html").read_text(encoding="utf-8")
    newer = make(lake, "events", rows=5)
    publish_reports(loaded)

    assert names == ["index.html", "eda.html", "lineage.html"]
    after = (loaded.folder / "reports" / "lineage.html").read_text(encoding="utf-8")
    assert (f"#2\u00a0{newer.version[:8]}" in before, f"#2\u00a0{newer.version[:8]}" in after) == (
        *(False, True),
    )


def test_kinds_become_one_box_where_there_are_many(lake):
    few = picture(ancestry(Versions(lake), [lake.latest("published_model")]))
    many = [make(lake, f"model_m{n}", lake.latest("events")) for n in range(20)]
    evaluation = make(lake, "evaluation", *many, lake.latest("user_features"))
    svg = picture(ancestry(Versions(lake), [evaluation]))

    assert ">model_als<" in few
    assert ">models (20)<" in svg
    assert ">model_m1<" not in svg
    assert ">events<" in svg


def test_the_name_of_a_file_is_text_and_no_more(loaded, lake):
    def page_with(names):
        draft = Draft(lake, "raw_shop")
        entry = draft.add_bytes("a.csv", b"x")
        draft.files = {name: entry.model_copy(update={"partition": name}) for name in names}
        draft.commit(Making(key="k", stage="ingestion", run_id="r"))
        return lineage_page(loaded, lake)

    names = [text.encode("utf-8", "replace").decode() for text in INJECTIONS]  # as in a manifest

    page = page_with(names)

    assert Tags(page).found == Tags(page_with(f"file{n:02}" for n in range(len(names)))).found
    assert [name for name in names if name not in html.unescape(page)] == []
