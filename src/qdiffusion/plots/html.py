"""Pieces of HTML; every text that comes in is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape


def section(title: str, *pieces: str) -> str:
    """A heading with its content."""
    return "\n".join(["<section>", f"<h2>{escape(title)}</h2>", *pieces, "</section>"])


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """A table of names and values."""
    lines = [f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in rows]
    return "\n".join(['<div class="scroll"><table><tbody>', *lines, "</tbody></table></div>"])


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a head."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    body = "\n".join(lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def picture(png: bytes, alt: str, caption: str, kind: str) -> str:
    """A PNG, inside the page itself."""
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return (
        f'<figure class="{escape(kind)}"><img alt="{escape(alt)}" src="{source}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def note(text: str) -> str:
    """A paragraph of small print."""
    return f'<p class="note">{escape(text)}</p>'


def code(text: str) -> str:
    """Text as it is typed."""
    return f"<pre>{escape(text)}</pre>"


def folded(summary: str, content: str) -> str:
    """Content that a click shows."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"
