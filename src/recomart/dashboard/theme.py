"""Colours and type: those of the reports (`recomart.pages`), for light and dark."""

from __future__ import annotations

import re
from typing import Any

from recomart.pages.colours import DARK, DARK_PALETTE, LIGHT, PALETTE, as_css

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'


def _options(mode: str, colours: dict[str, str], palette: tuple[str, ...]) -> dict[str, Any]:
    """Return Streamlit's options for one mode."""
    above = f"theme.{mode}"
    return {
        f"{above}.primaryColor": colours["accent"],
        f"{above}.backgroundColor": colours["ground"],
        f"{above}.secondaryBackgroundColor": colours["paper"],
        f"{above}.textColor": colours["ink"],
        f"{above}.linkColor": colours["accent"],
        f"{above}.borderColor": colours["line"],
        f"{above}.dataframeBorderColor": colours["line"],
        f"{above}.dataframeHeaderBackgroundColor": colours["ground"],
        f"{above}.codeBackgroundColor": colours["paper"],
        f"{above}.chartCategoricalColors": list(palette),
        f"{above}.sidebar.backgroundColor": colours["paper"],
        f"{above}.sidebar.secondaryBackgroundColor": colours["ground"],
        f"{above}.font": FONT,
        f"{above}.headingFont": FONT,
        f"{above}.baseRadius": "10px",
    }


THEME: dict[str, Any] = {
    "theme.baseFontSize": 15,
    "theme.showSidebarBorder": True,
    "theme.paddingTop": "2.6rem",
    **_options("light", LIGHT, PALETTE),
    **_options("dark", DARK, DARK_PALETTE),
}
"""Streamlit's options: a light and a dark face; the reader's own machine chooses."""

CSS = """
<style>
:root { %s }
.rm-tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(138px,1fr)); gap:12px; }
.rm-tile { background:var(--paper); border:1px solid var(--line); border-radius:12px;
  padding:12px 14px; }
.rm-tile b { display:block; font-size:22px; line-height:1.25; letter-spacing:-.02em; margin:2px 0;
  overflow-wrap:anywhere; }
.rm-tile span, .rm-muted { color:var(--muted); font-size:13px; }
.rm-tile span { display:block; overflow-wrap:anywhere; }
.rm-tile i { display:inline-block; width:9px; height:9px; border-radius:50%%; margin-right:7px;
  background:var(--line); vertical-align:baseline; }
.rm-tile.good i { background:var(--good); } .rm-tile.warn i { background:var(--warn); }
.rm-head { color:var(--muted); font-size:12.5px; letter-spacing:.08em; text-transform:uppercase; }
.rm-title { font-size:30px; font-weight:700; line-height:1.2; letter-spacing:-.015em;
  margin:2px 0; }
.rm-lead { color:var(--muted); font-size:15.5px; max-width:78ch; margin:0; }
.rm-h2 { font-size:19px; font-weight:700; letter-spacing:-.01em; margin:14px 0 0; }
.rm-note { border-left:3px solid var(--accent); background:var(--paper); padding:10px 14px;
  border-radius:0 10px 10px 0; max-width:95ch; overflow-wrap:anywhere; }
.rm-note + .rm-note { margin-top:8px; }
.rm-note.good { border-color:var(--good); } .rm-note.warn { border-color:var(--warn); }
.rm-note ul { margin:0; padding-left:18px; } .rm-note li { margin:3px 0; }
.rm-note li div { margin:3px 0 6px; }
.rm-note b { display:block; } .rm-note code, .rm-empty code { background:var(--tint);
  color:var(--ink); padding:2px 7px; border-radius:6px; font-size:13px; }
.rm-empty { border:1px dashed var(--line); border-radius:12px; padding:26px 22px;
  text-align:center; background:var(--paper); }
.rm-empty b { display:block; font-size:17px; margin-bottom:3px; }
.rm-empty p { color:var(--muted); margin:0 0 10px; }
.rm-scroll { overflow:auto; background:var(--paper); border:1px solid var(--line);
  border-radius:12px; padding:2px 4px 6px; }
.rm-scroll table { border-collapse:collapse; width:100%%; font-size:14px; margin:0; }
.rm-scroll th { text-align:left; color:var(--muted); font-weight:600; font-size:12.5px;
  border:0; border-bottom:1px solid var(--line); padding:8px 11px; vertical-align:bottom; }
.rm-scroll td { padding:7px 11px; border:0; border-bottom:1px solid var(--line);
  vertical-align:top; overflow-wrap:break-word; min-width:5ch; max-width:60ch; }
.rm-scroll tr:last-child td { border-bottom:0; }
.rm-scroll .n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
.rm-scroll th.n { white-space:normal; }
.rm-scroll tr.best .rm-pill { background:var(--paper); }
.rm-pill.quiet { color:var(--muted); }
.rm-pill.good { color:var(--good); } .rm-pill.warn { color:var(--warn); }
.rm-scroll tr.best td { background:var(--tint); font-weight:600; }
.rm-lines { display:flex; flex-direction:column; gap:8px; }
.rm-line { display:grid; grid-template-columns:22px minmax(0,1fr) 76px; gap:10px;
  align-items:center;
  background:var(--paper); border:1px solid var(--line); border-radius:12px; padding:9px 14px; }
.rm-line .rank { font-size:17px; font-weight:700; color:var(--muted); text-align:center; }
.rm-line .what { font-weight:600; overflow-wrap:anywhere; line-height:1.3; }
.rm-line .why { color:var(--muted); font-size:13px; overflow-wrap:anywhere; }
.rm-line .side { text-align:right; font-size:12.5px; color:var(--muted); }
.rm-line .side b { color:var(--ink); font-size:15px; display:block; }
.rm-pill { display:inline-block; background:var(--tint); color:var(--accent); border-radius:99px;
  padding:1px 9px; font-size:12px; font-weight:600; margin-right:4px; white-space:nowrap; }
.rm-bar { height:4px; border-radius:3px; background:var(--line); margin-top:4px;
  min-width:64px; }
.rm-scroll .rm-bar { margin-top:9px; }
.rm-line .rm-bar { min-width:0; } .rm-time { white-space:nowrap; }
.rm-bar span { display:block; height:4px; border-radius:3px; background:var(--accent); }
.rm-raw { font-family:ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size:12.5px;
  white-space:pre-wrap; overflow-wrap:anywhere; }
[class*="st-key-card"] { background:var(--paper); border:1px solid var(--line);
  border-radius:12px; padding:14px 16px 10px; gap:4px; }
[class*="st-key-card-picture"] [data-testid="stImage"] { margin:0 auto; }
[data-testid="stMainBlockContainer"] { max-width:1180px; }
</style>
"""
_NAMED = re.compile(r"var\(--(\w+), #[0-9a-f]{6}\)")


def css(mode: str) -> str:
    """Return the style sheet of our own pieces for ``light`` or ``dark``."""
    return CSS % as_css(colours_of(mode))


def colours_of(mode: str) -> dict[str, str]:
    """Return the named colours of a mode; what is not known is light."""
    return DARK if mode == "dark" else LIGHT


def palette_of(mode: str) -> tuple[str, ...]:
    """Return the colours of series in a mode."""
    return DARK_PALETTE if mode == "dark" else PALETTE


def coloured(svg: str, mode: str) -> str:
    """Put a mode's colours into a picture of `recomart.pages`, which leaves them to its page.

    An image of its own does not see the page's style sheet.
    """
    colours = colours_of(mode)
    return _NAMED.sub(lambda found: colours.get(found[1], LIGHT["ink"]), svg)
