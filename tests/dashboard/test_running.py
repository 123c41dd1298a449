"""How it is started: for this machine alone, told by nobody, in the colours of the reports."""

import subprocess
import sys

from recomart.dashboard.running import HOST, OPTIONS
from recomart.dashboard.theme import THEME, coloured, css
from recomart.pages import bars
from recomart.pages.colours import DARK, LIGHT
from recomart.serving.security import is_loopback


def test_it_listens_on_this_machine_alone_and_tells_nobody():
    assert is_loopback(HOST)
    assert OPTIONS["server.address"] == HOST
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["server.headless"] is True


def test_streamlit_offers_no_export_of_its_own():
    assert OPTIONS["client.disableDataExport"] is True  # its cells could be formulas


def test_every_option_is_one_that_streamlit_knows(pandas_allowed):
    from streamlit import config

    assert set(OPTIONS) | set(THEME) <= set(config.get_config_options())


def test_pictures_take_the_colours_of_the_mode():
    svg = bars(["a"], [1])

    assert "var(--" not in coloured(svg, "dark")
    assert DARK["muted"] in coloured(svg, "dark")
    assert LIGHT["muted"] in coloured(svg, "light")
    assert DARK["paper"] in css("dark")


def test_reading_and_exporting_need_no_streamlit():
    script = (
        "import sys, recomart.dashboard.exports, recomart.dashboard.records, "
        "recomart.dashboard.running, recomart.dashboard.shop; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not {"streamlit", "altair", "pandas"} & set(done.stdout.split())
