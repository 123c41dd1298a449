"""The docs are a site in four kinds, whole, and the same without a network."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


class Fetched(HTMLParser):
    """Addresses that a browser fetches by itself when it shows a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        is_fetched = tag in ("script", "img", "iframe", "source") or (
            tag == "link" and told.get("rel") not in ("canonical", "next", "prev")
        )
        if is_fetched:
            self.addresses += [told[name] for name in ("src", "href") if told.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly: a link, an anchor or a page that is not there is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site):
    written = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    wanted = {path.with_name(path.name.replace("README", "index")) for path in written}

    assert {path.with_suffix(".html") for path in wanted} <= built


def test_a_page_fetches_nothing_from_elsewhere(site):
    elsewhere = set()
    for page in site.rglob("*.html"):
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        elsewhere |= {address for address in fetched.addresses if urlsplit(address).netloc}
    style = (site / "assets" / "site.css").read_text(encoding="utf-8")

    assert elsewhere == set()
    assert not re.search(r"url\(|@import", style)


def test_pages_stand_under_the_four_kinds():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    kinds = [next(iter(part)) for part in nav]
    assert kinds == ["Home", "Tutorials", "How to", "Reference", "Explanation"]
