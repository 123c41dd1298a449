"""The Chromium of the system, driven by Playwright, quiet to the outside."""

from __future__ import annotations

from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from tests.servers import find

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def browser_page(**options):
    """Give a page of a fresh browser; what it asks of other machines is written down and refused.

    `page.strangers` lists the addresses that were asked for.
    """
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=find("chromium"), args=list(QUIET))
        try:
            page = chromium.new_context(**options).new_page()
            page.strangers = []
            page.route(lambda url: "//127.0.0.1" not in url, lambda route: refuse(page, route))
            yield page
        finally:
            chromium.close()


def refuse(page, route):
    page.strangers.append(route.request.url)
    route.abort()
