"""Pieces of HTML; every text that comes in is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape


def section(title: str, *pieces: str) -> str:
    """A heading with its content."""
    return "\n".join(["<section>", f"<h2>{escape(title)}</h2>", *pieces, "</section>"])


def titled(title: str, *pieces: str) -> str:
    """A part of a section under a title of its own."""
    return "\n".join([f"<h3>{escape(title)}</h3>", *pieces])


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """A table of names and values."""
    lines = [f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in rows]
    return "\n".join(['<div class="scroll"><table><tbody>', *lines, "</tbody></table></div>"])


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "columns") -> str:
    """A table with a head; its cells are one line each, unless `kind` is "sentences"."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    body = "\n".join(lines)
    whole = f"<thead><tr>{top}</tr></thead>"
    return f'<div class="scroll {escape(kind)}"><table>{whole}<tbody>\n{body}\n</tbody></table></div>'


def grouped(groups: Sequence[tuple[str, Sequence[str]]], first: str, rows: Iterable[Sequence[str]]) -> str:
    """A wide table whose columns stand in groups, each under its title; the first column, `first`, names the rows."""
    titles = "".join(f'<th scope="colgroup" colspan="{len(names)}">{escape(title)}</th>' for title, names in groups)
    names = "".join(f'<th scope="col">{escape(name)}</th>' for _, names in groups for name in names)
    top = f'<tr><th scope="col" rowspan="2">{escape(first)}</th>{titles}</tr><tr>{names}</tr>'
    lines = (
        f'<tr><th scope="row">{escape(label)}</th>' + "".join(f"<td>{_spread(cell)}</td>" for cell in cells) + "</tr>"
        for label, *cells in rows
    )
    body = "\n".join(lines)
    return f'<div class="scroll grouped"><table><thead>{top}</thead><tbody>\n{body}\n</tbody></table></div>'


def image(png: bytes, alt: str) -> str:
    """A PNG, inside the page itself."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(png).decode()}">'


def figure(content: str, caption: str, kind: str = "drawn") -> str:
    """HTML with a caption below."""
    return f'<figure class="{escape(kind)}">{content}<figcaption>{escape(caption)}</figcaption></figure>'


def beside(*figures: str) -> str:
    """Figures side by side, or below each other where the page is narrow."""
    return "\n".join(['<div class="beside">', *figures, "</div>"])


def small_plots(*plots: str) -> str:
    """Plots side by side, as many as the page is wide enough for."""
    return "\n".join(['<div class="plots">', *plots, "</div>"])


def strip(columns: Iterable[tuple[str, Sequence[str]]], caption: str) -> str:
    """Pictures in a row, each above its lines of text."""
    cells = (f"<div>{content}{''.join(map(_line, lines))}</div>" for content, lines in columns)
    body = "\n".join(cells)
    return figure(f"<div>\n{body}\n</div>", caption, "strip")


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return "\n".join(["<ul>", *(f"<li>{escape(line)}</li>" for line in lines), "</ul>"])


def note(text: str) -> str:
    """A paragraph of small print."""
    return f'<p class="note">{escape(text)}</p>'


def code(text: str) -> str:
    """Text as it is typed."""
    return f"<pre>{escape(text)}</pre>"


def folded(summary: str, content: str) -> str:
    """Content that a click shows."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def _spread(text: str) -> str:
    """A value above its ±."""
    value, sign, width = escape(text).partition(" ± ")
    return f"{value} <span>± {width}</span>" if sign else value


def _line(text: str) -> str:
    return f"<span>{escape(text)}</span>"
