"""The app as one command starts it, in Chromium: every screen, no error, text that stays text."""

import json
import shutil
import subprocess
import sys

import pytest

from recomart.dashboard.app import SCREENS
from recomart.lake import Draft, open_lake
from recomart.settings import load_settings
from tests.browser import browser_page
from tests.dashboard.conftest import MAKING
from tests.servers import free_port, running
from tests.serving.door.conftest import opened

INJECTION = "<img src=x onerror=\"document.title='taken'\"> **b** [x](//a) :red[y] $z$"
MAIN = "from recomart.cli import main; main()"
ERRORS = '[data-testid="stException"], [role="alert"]'


@pytest.fixture(scope="module")
def shop(two_models, tmp_path_factory):
    """A copy whose newest pictures, and whose quarantine, hold an injection."""
    import pyarrow as pa

    folder = shutil.copytree(two_models, tmp_path_factory.mktemp("browser") / "shop")
    lake = open_lake(load_settings(folder, environment={}))
    row = {"file": INJECTION, "line": 1, "rules": "EV-USER", "raw": INJECTION, "source": "events"}
    aside = Draft(lake, "quarantined_events")
    aside.add_table(pa.Table.from_pylist([row]).to_reader(), "a")
    aside.commit(MAKING)
    items = lake.latest("catalogue")
    [path] = lake.paths(items.files)
    table = pa.parquet.read_table(path)
    titles = pa.array([INJECTION] * len(table))
    spoilt = Draft(lake, "catalogue")
    column = table.schema.get_field_index("title")
    spoilt.add_table(table.set_column(column, "title", titles).to_reader(), "")
    spoilt.commit(MAKING)
    told = json.loads(lake.read("evaluation", "evaluation.json"))
    told["observations"] = [INJECTION]
    changed = Draft(lake, "evaluation")
    changed.add_bytes("evaluation.json", json.dumps(told).encode())
    changed.commit(MAKING)
    return folder


@pytest.fixture(scope="module")
def url(shop, tmp_path_factory):
    """The dashboard and the service behind it."""
    folder = shutil.copytree(shop, tmp_path_factory.mktemp("served") / "shop")
    port = free_port()
    with opened(folder) as door:
        words = ["-s", str(shop), "dashboard", "--api", door.url, "--port", str(port)]
        with running([sys.executable, "-c", MAIN, *words], port):
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def page(url):
    with browser_page() as shown:
        shown.problems = []
        shown.on("pageerror", lambda error: shown.problems.append(str(error)))
        yield shown


def opens(page, url, screen):
    """Open a screen, and wait until it has run to its end."""
    page.goto(f"{url}/" if screen is SCREENS[0] else f"{url}/{screen.name}")
    page.wait_for_selector(f'.rm-title:text-is("{screen.title}")', timeout=60_000)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_screen_opens_without_an_error(screen, page, url):
    opens(page, url, screen)

    assert page.locator(ERRORS).all_inner_texts() == []
    assert page.problems == []
    assert page.title() == "Small shop · RecoMart"


@pytest.mark.parametrize("name", ["quality", "explorer", "experiments"])
def test_an_injection_stays_text(name, page, url):
    opens(page, url, next(screen for screen in SCREENS if screen.name == name))
    page.get_by_text(INJECTION).first.wait_for()

    assert page.locator("img[src='x'], [onerror]").count() == 0
    assert page.title() == "Small shop · RecoMart"


def test_a_choice_of_titles_is_text_too(page, url):
    opens(page, url, next(screen for screen in SCREENS if screen.name == "explorer"))
    page.get_by_text("An anonymous session").click()
    page.get_by_label("Item", exact=True).click()
    page.get_by_role("option").first.wait_for()

    assert INJECTION in page.get_by_role("option").first.inner_text()
    assert page.locator("img[src='x']").count() == 0


def test_nothing_is_asked_of_other_machines(page, url):
    opens(page, url, SCREENS[0])

    assert page.strangers == []


def test_the_command_refuses_a_port_that_is_taken(shop, url):
    port = url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "-s", str(shop), "dashboard", "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 4
    assert "RM-400: 127.0.0.1 port" in done.stderr
    assert "Traceback" not in done.stderr
