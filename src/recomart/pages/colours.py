"""The colours of everything that people look at: pages, figures, the dashboard."""

PALETTE = ("#2f6fde", "#e07a2f", "#2a9d74", "#a45ad1", "#d1495b", "#8a8f98")
"""Of series, in their order."""
DARK_PALETTE = ("#7ba7f5", "#eca06a", "#5cc79f", "#c493e6", "#e57f8d", "#a3abb5")
LIGHT = {
    "ink": "#1b1f24",
    "muted": "#68717c",
    "line": "#d9dee4",
    "paper": "#ffffff",
    "ground": "#f4f6f8",
    "accent": "#2f6fde",
    "good": "#2a9d74",
    "warn": "#c7621b",
    "tint": "#eef3fc",
}
"""By what they are for."""
DARK = {
    "ink": "#e6e9ed",
    "muted": "#98a2ae",
    "line": "#333a43",
    "paper": "#171b20",
    "ground": "#0f1215",
    "accent": "#7ba7f5",
    "good": "#5cc79f",
    "warn": "#eca06a",
    "tint": "#1d2635",
}


def as_css(colours: dict[str, str]) -> str:
    """Return colours as variables of a style sheet, to be used as ``var(--ink)``."""
    return " ".join(f"--{name}:{colour};" for name, colour in colours.items())
