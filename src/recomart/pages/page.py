"""A page: tiles, sections, figures, tables and notes, in the order they are added."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from recomart.pages.colours import DARK, LIGHT, as_css

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from typing_extensions import Self

Kind = Literal["info", "good", "warn"]


class Page:
    """Builds one self-contained HTML page; every text is escaped, every figure is inline.

    Its content security policy lets nothing run and nothing be fetched, whatever came through.

    Each method adds something and returns the page, so that calls may be chained.
    """

    def __init__(self, title: str, subtitle: str = "", badge: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self.badge = badge
        self._parts: list[dict[str, Any]] = []

    def tiles(self, tiles: Iterable[tuple[str, str, str]]) -> Self:
        """Add big numbers in a row: (label, value, note)."""
        return self._add("tiles", tiles=list(tiles))

    def section(self, heading: str, lead: str = "") -> Self:
        """Begin a section; its heading goes into the table of contents."""
        anchor = re.sub(r"\W+", "-", heading.lower()).strip("-") or "section"
        taken = {part.get("anchor") for part in self._parts}
        if anchor in taken:
            anchor = f"{anchor}-{len(self._parts)}"
        return self._add("section", heading=heading, lead=lead, anchor=anchor)

    def figure(self, svg: str, caption: str = "") -> Self:
        """Add a picture made by this room, with the sentence that says what it shows."""
        return self._add("figure", svg=Markup(svg), caption=caption)  # noqa: S704 - our own SVG

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        caption: str = "",
        best: Collection[int] = (),
    ) -> Self:
        """Add a table; numbers are aligned right, rows in `best` stand out."""
        written = [[written_value(value) for value in row] for row in rows]
        return self._add(
            "table", columns=list(columns), rows=written, caption=caption, best=set(best)
        )

    def note(self, text: str, kind: Kind = "info") -> Self:
        """Add a sentence set apart."""
        return self._add("note", text=text, tone=kind)

    def code(self, text: str) -> Self:
        """Add text as it is, in a fixed-width face."""
        return self._add("code", text=text)

    def links(self, links: Iterable[tuple[str, str]]) -> Self:
        """Add links to pages beside this one: (address, words)."""
        return self._add("links", links=list(links))

    def html(self, footer: str = "") -> str:
        """Return the page; `footer` says what made it. The same parts give the same bytes."""
        html: str = _template().render(
            title=self.title,
            subtitle=self.subtitle,
            badge=self.badge,
            parts=self._parts,
            contents=[part for part in self._parts if part["is"] == "section"],
            footer=footer,
            light=as_css(LIGHT),
            dark=as_css(DARK),
        )
        return html

    def _add(self, kind: str, **content: Any) -> Self:
        self._parts.append({"is": kind, **content})
        return self


def _template() -> Any:  # noqa: ANN401 - Jinja's own type says no more
    source = files("recomart.pages").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def written_value(value: object) -> dict[str, object]:
    """Write one cell, and tell whether it is a number."""
    if value is None or value != value:  # noqa: PLR0124 - that is how NaN shows
        return {"text": "–", "number": True}
    if isinstance(value, bool):
        return {"text": "yes" if value else "no", "number": False}
    if isinstance(value, int):
        return {"text": f"{value:,}", "number": True}
    if isinstance(value, float):
        text = f"{value:,.4f}" if abs(value) < 1 else f"{value:,.2f}"
        return {"text": text, "number": True}
    return {"text": str(value), "number": False}
