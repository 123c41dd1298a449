"""Settings: one tree, four origins, and errors that name key, file, line and fix."""

import pytest

from recomart.errors import NotFoundError, SettingsError
from recomart.settings import CsvSource, RestSource, load_settings
from recomart.settings.templates import TEMPLATES, template_text

SHOP = """\
project: mugs
engine:
  threads: 2
sources:
  invoices:
    kind: csv
    path: by-day/*.csv
    columns: {user_id: CustomerID, price: {from: UnitPrice}}
"""


@pytest.fixture
def load(tmp_path):
    def load(text, environment=None, flags=None):
        file = tmp_path / "recomart.yaml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file, environment=environment or {}, flags=flags)

    return load


def test_without_a_file_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    loaded = load_settings(environment={})

    assert (loaded.settings.project, loaded.origin(("project",))) == ("my-shop", "default")


def test_flags_beat_the_environment_beats_the_file_beats_defaults(load):
    environment = {"RECOMART_ENGINE__THREADS": "3", "RECOMART_PROJECT": "pens"}
    loaded = load(SHOP, environment, {("engine", "threads"): 4})

    assert (loaded.settings.engine.threads, loaded.settings.project) == (4, "pens")
    assert loaded.origin(("engine", "threads")) == "flag for engine.threads"
    assert loaded.origin(("project",)) == "environment RECOMART_PROJECT"
    assert loaded.origin(("sources", "invoices", "path")) == "recomart.yaml:7"
    assert loaded.origin(("engine", "memory_limit")) == "default"
    assert loaded.origin(("sources", "invoices", "columns", "user_id", "from")) == "recomart.yaml:8"


def test_a_column_has_a_short_and_a_long_form(load):
    source = load(SHOP).settings.sources["invoices"]

    assert isinstance(source, CsvSource)
    assert source.columns["user_id"].source == "CustomerID"
    assert source.columns["price"].source == "UnitPrice"


def test_paths_start_at_the_file(load, tmp_path):
    assert load(SHOP).path("data/lake") == (tmp_path / "data/lake").resolve()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("engine: {thread: 2}\n", r"engine.thread is not a setting \[recomart.yaml:1\]"),
        (
            "project: x\nengine:\n  threads: -1\n",
            r"engine.threads does not fit \[recomart.yaml:3\]",
        ),
        ("project: [\n", r"recomart.yaml:2 is not valid YAML"),
        ("project: a\nproject: b\n", r"recomart.yaml:2 is not valid YAML: 'project' stands twice"),
        ("- project\n", "holds no settings but a list"),
        ("sources:\n  a: {kind: ftp}\n", r"sources.a does not fit \[recomart.yaml:2\]"),
        ("sources:\n  a: {kind: csv, path: x, pth: y}\n", r"sources.a.pth is not a setting"),
        ("sources:\n  a: {kind: csv, pth: y}\n", r"sources.a.pth is not a setting"),
    ],
)
def test_an_error_names_the_key_and_the_line(load, text, says):
    with pytest.raises(SettingsError, match=says):
        load(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("engine: {thread: 2}\n", "Did you mean 'threads'?"),
        ("sources:\n  a: {kind: csv, path: x, pth: y}\n", "Did you mean 'path'?"),
        ("zzz: 1\n", "Known: batch, dashboard, engine"),
        ("engine: {threads: many}\n", "valid integer"),
    ],
)
def test_an_error_says_what_would_fit(load, text, remedy):
    with pytest.raises(SettingsError) as caught:
        load(text)

    assert remedy in caught.value.remedy


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="no settings file"):
        load_settings(tmp_path / "nothing.yaml", environment={})


def test_a_file_that_is_not_text_is_told(tmp_path):
    (tmp_path / "recomart.yaml").write_bytes(b"project: \xff\xfe\n")

    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(tmp_path, environment={})


def test_an_environment_variable_that_names_nothing_is_an_error(load):
    with pytest.raises(SettingsError, match="RECOMART_PROJCT") as caught:
        load(SHOP, {"RECOMART_PROJCT": "x"})

    assert "RECOMART_PROJECT" in caught.value.remedy


def test_a_secret_is_not_printed(load):
    source = "sources:\n  c: {kind: rest, url: 'http://x/', headers: {key: hush}}\n"
    settings = load(source).settings

    assert isinstance(settings.sources["c"], RestSource)
    assert "hush" not in repr(settings) + settings.model_dump_json()


def test_where_a_source_is_does_not_change_what_it_means(load):
    here = load(SHOP).settings.sources["invoices"]
    there = load(SHOP.replace("by-day", "elsewhere")).settings.sources["invoices"]
    other = load(SHOP.replace("CustomerID", "Client")).settings.sources["invoices"]

    assert here.meaning() == there.meaning() != other.meaning()


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_valid_and_commented(load, name):
    text = template_text(name, data="somewhere")

    assert load(text).settings.sources
    assert text.startswith("#")
    assert "{data}" not in text


def test_an_unknown_template_is_answered_with_the_nearest():
    with pytest.raises(NotFoundError, match="retailrocket"):
        template_text("retail-rocket")
