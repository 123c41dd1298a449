"""Commented settings to start from; ``{data}`` stands for the folder of the data."""

from __future__ import annotations

from importlib.resources import files

from recomart.errors import NotFoundError

TEMPLATES = {
    "basic": "shop-data",
    "online-retail": "online_retail/by-day",
    "retailrocket": "retailrocket",
}
"""Template → folder of the data, where none is given."""


def template_text(name: str, **values: str) -> str:
    """Return a template with its values put in. Raises NotFoundError."""
    if name not in {*TEMPLATES, "demo"}:
        raise NotFoundError.of("template", name, TEMPLATES)
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    for word, value in values.items():
        text = text.replace(f"{{{word}}}", value)
    return text
