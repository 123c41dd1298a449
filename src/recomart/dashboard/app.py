"""The script that Streamlit runs: the screens, and what stands around each of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from recomart.dashboard import look
from recomart.dashboard.shop import Shop
from recomart.settings import Loaded, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Screen:
    """A screen: the file in `screens/` and its address, its name, its icon, and its group."""

    name: str
    title: str
    icon: str
    group: str


LOGO, ICON = (str(Path(__file__).with_name(name)) for name in ("logo.svg", "icon.svg"))
"""Of ours: an icon by name would be fetched from elsewhere."""
SCREENS = (
    Screen("overview", "Overview", ":material/home:", "Now"),
    Screen("live", "Live service", ":material/monitor_heart:", "Now"),
    Screen("explorer", "Recommendations", ":material/person_search:", "Now"),
    Screen("quality", "Data quality", ":material/verified:", "Data"),
    Screen("exploration", "Exploration", ":material/insights:", "Data"),
    Screen("features", "Features", ":material/view_column:", "Data"),
    Screen("experiments", "Experiments", ":material/science:", "Models"),
    Screen("ab_tests", "A/B tests", ":material/alt_route:", "Models"),
    Screen("lineage", "Lineage", ":material/account_tree:", "Models"),
)


def main(arguments: Sequence[str]) -> None:
    """Show the app: folder, settings as JSON, and the options that lead to them."""
    folder, settings, *before = arguments
    shop = _opened(folder, settings, tuple(before))
    st.set_page_config(f"{shop.project} · RecoMart", page_icon=ICON, layout="wide")
    st.logo(LOGO, icon_image=ICON, size="large")
    grouped: dict[str, list[st.Page]] = {}
    for screen in SCREENS:
        page = st.Page(
            partial(show, screen, shop),
            title=screen.title,
            icon=screen.icon,
            url_path=screen.name,
            default=screen is SCREENS[0],
        )
        grouped.setdefault(screen.group, []).append(page)
    st.navigation(grouped).run()


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(folder: str, settings: str, before: tuple[str, ...]) -> Shop:
    loaded = Loaded(Settings.model_validate_json(settings), Path(folder))
    return Shop(loaded, before)


def show(screen: Screen, shop: Shop) -> None:
    """Show one screen; what goes wrong in it is told in its place."""
    look.begin(shop.project, screen.title)
    with look.guarded():
        import_module(f"recomart.dashboard.screens.{screen.name}").show(shop)


if __name__ == "__main__":
    main(sys.argv[1:])
