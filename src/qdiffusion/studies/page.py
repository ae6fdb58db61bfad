"""Everything that is written from a study's finished cells."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from qdiffusion.plots import html
from qdiffusion.plots.axes import save_figure
from qdiffusion.plots.page import PAGE
from qdiffusion.runs.files import remove, told_as_run_error, write_text_atomic
from qdiffusion.studies import printed, table, verdict_tables
from qdiffusion.studies.cells import Cells, read_cells
from qdiffusion.studies.conditions import budget_told, conditions
from qdiffusion.studies.figures import forward_strip, grids_figure, has_lines, score_figure, sweep_figure
from qdiffusion.studies.study import Study
from qdiffusion.studies.texts import score_words
from qdiffusion.studies.verdicts import judge

_LINES = " along the training, and"
_ALONG = (
    "{}{} at each moment of it that is looked at, on a scale of its own: mean and 95 % interval over seeds where there "
    "are several. The intervals are each column's own; whether two columns differ is decided above, by pairs of equal "
    "seeds."
)
_GRIDS = "Samples of each column's first seed; equal seeds start from equal noise."
_FORWARD = "Training images on their way into noise, from left to right."


def write_tables(out: Path, study: Study, seeds: Sequence[int] | None = None) -> Path:
    """Write what the finished cells of a study say, each file whole or not at all.

    `table.md`, `table.html`, `table.csv` (a line a cell and mark), `verdicts.md`, the first score's `fid.png`,
    `sweep.png` where columns differ in one number, `grids.png` where cells have sample grids, and `index.html`, one
    page that holds all of it.

    Args:
        out: the study's folder, with `cells/COLUMN-seedS.json` and beside each its sample grid as PNG.
        study: the study.
        seeds: those that every column is to be trained with; None: those that any cell has.

    Returns:
        The page.

    Raises:
        RunError: a cell is damaged, none is finished, several networks scored them, or a file cannot be written.
    """
    spec = study.spec
    cells = read_cells(out, spec, seeds)
    facts, judged, budget = conditions(cells), judge(cells, spec.claims), budget_told(study, cells)
    curve, grids = score_figure(cells), grids_figure(out, cells)
    kind = spec.scores[0]
    along = _ALONG.format(score_words(kind), _LINES if has_lines(cells) else "")
    above, below = _table(cells), html.section("Conditions", html.facts(facts))
    write_text_atomic(out / "table.csv", table.to_csv(cells))
    write_text_atomic(out / "table.md", table.to_markdown(cells, budget, facts))
    write_text_atomic(out / "table.html", _page(cells, budget, above, below))
    write_text_atomic(out / "verdicts.md", verdict_tables.to_markdown(cells, judged))
    page = _page(
        cells,
        budget,
        above,
        html.section("Claims", *verdict_tables.to_html(cells, judged)),
        html.section(score_words(kind), _picture(out / f"{kind}.png", curve, along)),
        _swept(out / "sweep.png", cells),
        _samples(out / "grids.png", grids),
        _forward(forward_strip(out, cells)),
        html.section("What the paper printed", *(printed.to_html(spec, block) for block in spec.published)),
        below,
    )
    write_text_atomic(out / "index.html", page)
    return out / "index.html"


def _page(cells: Cells, budget: str, *sections: str) -> str:
    lead = escape(f"{cells.progress} {budget}")
    return PAGE.substitute(title=escape(cells.study.title), lead=lead, sections="\n".join(filter(None, sections)))


def _table(cells: Cells) -> str:
    trained = html.facts((column.label, column.note) for column in cells.study.columns)
    before = table.earlier(cells)
    return html.section(
        "Table",
        _grouped(table.final(cells)),
        *map(html.note, table.reading(cells)),
        html.folded("What is trained in each column", trained),
        html.folded(table.ALONG, _grouped(before)) if before else "",
    )


def _grouped(each: table.Table) -> str:
    return html.grouped(each.groups, "Column", each.rows)


def _swept(path: Path, cells: Cells) -> str:
    figure = sweep_figure(cells)
    if figure is None:
        return ""
    caption = f"{score_words(cells.study.scores[0])} at the end: mean and 95 % interval over seeds."
    return html.section(f"Against the {cells.study.swept}", _picture(path, figure, caption))


def _samples(path: Path, figure: Figure | None) -> str:
    if figure is None:
        with told_as_run_error(path):
            remove(path)
        return ""
    return html.section("Samples", _picture(path, figure, _GRIDS))


def _forward(png: bytes | None) -> str:
    if png is None:
        return ""
    return html.section("Forward process", html.figure(html.image(png, _FORWARD), _FORWARD))


def _picture(path: Path, figure: Figure, caption: str) -> str:
    """Write a figure as PNG; what stands in the page for it."""
    save_figure(figure, path)
    return html.figure(html.image(path.read_bytes(), caption), caption)
