"""The example shop, used in a browser: a few clicks change the list."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import find
from tests.serving.door.conftest import opened, problem

PAGES = Path(__file__).parents[3] / "examples" / "shop"
SHOPPER = """
const settled = () => new Promise((done) => setTimeout(done, 400));
const shown = () => [...document.querySelectorAll("#recommended .title")].map((e) => e.textContent);
const tell = (id, value) => {
  const made = document.createElement("output");
  made.id = id;
  made.textContent = JSON.stringify(value);
  document.body.append(made);
};
(async () => {
  await settled();
  tell("before", shown());
  for (const [place, kind] of [[3, "view"], [3, "add_to_cart"], [7, "view"]]) {
    document.querySelectorAll("#popular .card")[place].querySelector(`.${kind}`).click();
    await settled();
  }
  tell("after", shown());
})();
"""


@pytest.fixture
def shop_door(trained, tmp_path):
    """A server with the shop page, and a shopper who clicks."""
    pages = shutil.copytree(PAGES, tmp_path / "pages")
    with (pages / "shop.js").open("a", encoding="utf-8") as script:
        script.write(SHOPPER)
    with opened(trained, shop_page=str(pages), events=str(tmp_path / "e.sqlite")) as door:
        yield door


def test_a_few_clicks_in_a_browser_change_the_list(shop_door, tmp_path):
    quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=6000"]
    command = [find("chromium"), *quiet, f"--user-data-dir={tmp_path / 'chrome'}", "--dump-dom"]
    page = subprocess.run(
        [*command, f"{shop_door.url}/shop/"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    before, after = re.findall(r'<output id="(?:before|after)">(.*?)<', page)

    assert before.count('","') == after.count('","') == 9
    assert before != after
    assert "because you put in the cart" in page
    assert page.count("on disk in") == 3


def test_the_shop_is_shown_only_where_it_is_asked_for(shop_door, door):
    page, script = shop_door.http.get("/shop/"), shop_door.http.get("/shop/shop.js")

    assert "Example shop" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "javascript" in script.headers["content-type"]
    problem(shop_door.http.get("/shop/../recomart.yaml"), 404)
    problem(door.http.get("/shop/"), 404)
