"""What screens are built from. Every text that comes from data stays text.

Streamlit's own words (`st.write`, `st.markdown`, labels, captions) read Markdown, so titles and ids
must never pass through them. They pass through here: HTML that is escaped piece by piece, which
Streamlit cleans once more in the browser and never reads as Markdown.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from markupsafe import Markup

from recomart.dashboard import theme
from recomart.dashboard.exports import csv_of
from recomart.errors import RecomartError
from recomart.pages.page import written_value
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

Tone = Literal["", "good", "warn"]
Tile = tuple[str, str, str] | tuple[str, str, str, Tone]
log = logging.getLogger(__name__)


def html(pattern: str, **values: object) -> Markup:
    """Fill a pattern of ours with values, each escaped; what is Markup already stays."""
    return Markup(pattern).format(**values)  # noqa: S704 - the pattern is ours, values are escaped


def put(markup: Markup) -> None:
    """Show HTML that `html` made; nothing where it is empty."""
    if markup:
        st.html(markup.encode("utf-8", "replace").decode())  # half a surrogate pair is no text


def mode() -> str:
    """Return ``light`` or ``dark``, as the reader has it."""
    return str(st.context.theme.type or "light")


def begin(project: str, title: str) -> None:
    """Begin a screen: style sheet and heading."""
    st.html(theme.css(mode()))
    put(
        html(
            '<div class="rm-head">RecoMart · {project}</div><div class="rm-title">{title}</div>',
            project=project,
            title=title,
        )
    )


def heading(text: str, lead: str = "") -> None:
    """Begin a section; the lead says what there is to see."""
    told = html('<div class="rm-h2" role="heading" aria-level="2">{text}</div>', text=text)
    put(told + (html('<p class="rm-lead">{lead}</p>', lead=lead) if lead else Markup()))


def lead(text: str) -> None:
    """Say what the screen is for."""
    put(html('<p class="rm-lead">{text}</p>', text=text))


def text(words: str) -> None:
    """Show a small remark."""
    put(html('<div class="rm-muted">{words}</div>', words=words))


def tiles(told: Iterable[Tile]) -> None:
    """Show big numbers in a row: (label, value, note), and a tone that gives them a light."""
    made = [
        html(
            '<div class="rm-tile {tone}"><span>{light}{label}</span><b>{value}</b>'
            "<span>{note}</span></div>",
            light=Markup("<i></i>") if len(one) > 3 else "",
            label=one[0],
            value=one[1],
            note=one[2],
            tone=one[3] if len(one) > 3 else "",
        )
        for one in told
    ]
    put(html('<div class="rm-tiles">{made}</div>', made=Markup().join(made)))


def notes(told: Iterable[tuple[str, Tone]]) -> None:
    """Show sentences set apart, with their tone."""
    made = [
        html('<div class="rm-note {tone}">{words}</div>', words=words, tone=tone)
        for words, tone in told
    ]
    put(Markup().join(made))


def steps(told: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Show what may be done: a sentence, and the commands that do it."""
    made = [
        html(
            "<li>{says}{commands}</li>",
            says=says,
            commands=Markup().join(html("<div><code>{one}</code></div>", one=c) for c in commands),
        )
        for says, commands in told
    ]
    put(html('<div class="rm-note"><ul>{made}</ul></div>', made=Markup().join(made)))


def points(told: Iterable[str]) -> None:
    """Show sentences as a list, set apart together."""
    made = Markup().join(html("<li>{words}</li>", words=words) for words in told)
    if made:
        put(html('<div class="rm-note"><ul>{made}</ul></div>', made=made))


def moment(us: int) -> Markup:
    """Return a moment in microseconds as day and minute, UTC, on one line, for a cell."""
    at = datetime.fromtimestamp(us / SECOND_US, timezone.utc)
    return html('<span class="rm-muted rm-time">{at}</span>', at=at.strftime("%d %b %Y, %H:%M"))


def problem(error: RecomartError) -> None:
    """Tell what went wrong: code, cause, remedy."""
    put(
        html(
            '<div class="rm-note warn" role="alert"><b>{code}</b>{cause}<br>'
            '<span class="rm-muted">Remedy:</span> {remedy}</div>',
            code=error.code,
            cause=error.cause,
            remedy=error.remedy,
        )
    )


def empty(title: str, says: str, command: str = "") -> None:
    """Say what would stand here, and what to run so that it does."""
    ran = html("<code>{command}</code>", command=command) if command else Markup()
    put(
        html(
            '<div class="rm-empty"><b>{title}</b><p>{says}</p>{ran}</div>',
            title=title,
            says=says,
            ran=ran,
        )
    )


@contextmanager
def guarded() -> Iterator[None]:
    """Tell what goes wrong inside in its place, and go on after it."""
    try:
        yield
    except RecomartError as error:
        problem(error)
    except Exception as error:  # a fault of ours; the reader gets no traceback
        log.exception("A part of a screen failed")
        problem(
            RecomartError(
                f"This part could not be shown: {type(error).__name__}.",
                remedy="The terminal of `recomart dashboard` tells more; please report it.",
            )
        )


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], best: Collection[int] = ()
) -> None:
    """Show a table; numbers are aligned right, rows in `best` stand out."""
    body, is_number = [], [True] * len(columns)
    for place, row in enumerate(rows):
        cells = [_cell(value) for value in row]
        is_number = [a and b for a, (_, b) in zip(is_number, cells, strict=True)]
        body.append(
            html(
                '<tr class="{best}">{cells}</tr>',
                best="best" if place in best else "",
                cells=Markup().join(markup for markup, _ in cells),
            )
        )
    head = [
        html('<th class="{kind}">{name}</th>', name=name, kind="n" if number and body else "")
        for name, number in zip(columns, is_number, strict=True)
    ]
    put(
        html(
            '<div class="rm-scroll"><table><thead><tr>{head}</tr></thead>'
            "<tbody>{body}</tbody></table></div>",
            head=Markup().join(head),
            body=Markup().join(body),
        )
    )


def _cell(value: object) -> tuple[Markup, bool]:
    if isinstance(value, Markup):
        return html("<td>{value}</td>", value=value), False
    told: dict[str, Any] = written_value(value)
    pattern = '<td class="n">{text}</td>' if told["number"] else "<td>{text}</td>"
    return html(pattern, text=told["text"]), told["number"]


def whole(words: str) -> Markup:
    """Return text that is not broken into lines, for a cell."""
    return html('<span class="rm-time">{words}</span>', words=words)


def raw(words: str) -> Markup:
    """Return text as it came, in a fixed-width face, for a cell."""
    return html('<span class="rm-raw">{words}</span>', words=words)


def pills(words: Iterable[str]) -> Markup:
    """Return short words as pills, for a cell."""
    return Markup().join(pill(word) for word in words)


def pill(word: str, tone: Literal["", "quiet", "good", "warn"] = "") -> Markup:
    """Return one word as a pill, for a cell; a quiet one is grey."""
    return html('<span class="{kind}">{word}</span>', word=word, kind=f"rm-pill {tone}".strip())


def titled(title: str, words: Iterable[str]) -> Markup:
    """Return a title with pills below it, for a cell."""
    return html("<div>{title}</div>{words}", title=title, words=pills(words))


def bar(share: float) -> Markup:
    """Return a thin bar of a share from 0 to 1, for a cell or a line."""
    width = f"{100 * min(max(share, 0.0), 1.0):.0f}"
    return html('<div class="rm-bar"><span style="width:{width}%"></span></div>', width=width)


def measured(figure: str, share: float) -> Markup:
    """Return a figure with the bar of its share below it, for a cell."""
    return html("{figure}{bar}", figure=figure, bar=bar(share))


def lines(told: Iterable[tuple[int, str, str, Markup, Markup]]) -> None:
    """Show a ranked list: rank, what, why, pills, and what stands at the right."""
    made = [
        html(
            '<div class="rm-line"><div class="rank">{rank}</div><div><div class="what">{what}</div>'
            '<div class="why">{why}</div>{pills}</div><div class="side">{side}</div></div>',
            rank=rank,
            what=what,
            why=why,
            pills=tags,
            side=side,
        )
        for rank, what, why, tags, side in told
    ]
    put(html('<div class="rm-lines">{made}</div>', made=Markup().join(made)))


def picture(name: str, svg: str, says: str, width: int | Literal["stretch"] = "stretch") -> None:
    """Show a picture of ours on a card; `says` stands below it and is read aloud."""
    with st.container(key=f"card-picture-{name}"):
        st.image(theme.coloured(svg, mode()), width=width, alt=says)
        text(says)


def export(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[object]], key: str = ""
) -> None:
    """Offer rows as a CSV file whose cells are no formulas."""
    st.download_button(
        "CSV",
        data=csv_of(columns, rows),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=key or f"csv-{name}",
        on_click="ignore",
    )
