"""Verdicts as tables, in a page and in Markdown."""

from collections.abc import Sequence

from qdiffusion.plots import html
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.studies.cells import Cells
from qdiffusion.studies.texts import difference_texts, score_title
from qdiffusion.studies.verdicts import LEGEND, Judged, Verdict

_CLAIMS = ("Claim", "Verdict", "Comparisons that hold", "By")
_COMPARISONS = ("Score", "Column", "Baseline", "Difference", "95 % interval", "Bound", "p", "Seeds", "Verdict")


def to_html(cells: Cells, judged: Sequence[Judged]) -> list[str]:
    """The claims with their verdicts, how these are reached, and every comparison."""
    details = [
        html.titled(
            _claim(each), html.note(_outcome(cells, each)), html.columns(_COMPARISONS, _comparisons(cells, each))
        )
        for each in judged
    ]
    folded = html.folded("Every comparison, with its test", "\n".join(details))
    return [html.columns(_CLAIMS, _claims(cells, judged), "sentences"), html.note(LEGEND), folded]


def to_markdown(cells: Cells, judged: Sequence[Judged]) -> str:
    """The same as a text."""
    lines = [f"# {cells.study.title}: what is claimed", markdown_table(_CLAIMS, _claims(cells, judged)), LEGEND]
    for each in judged:
        lines += [f"## {_claim(each)}", _outcome(cells, each), markdown_table(_COMPARISONS, _comparisons(cells, each))]
    return "\n\n".join(lines) + "\n"


def _claims(cells: Cells, judged: Sequence[Judged]) -> list[list[str]]:
    return [[_claim(each), each.verdict, _holding(each), _measure(cells, each)] for each in judged]


def _comparisons(cells: Cells, each: Judged) -> list[list[str]]:
    label = cells.study.label
    return [
        [
            _title(cells, pair.score),
            label(pair.column),
            label(pair.baseline),
            *difference_texts(pair.difference),
            pair.verdict,
        ]
        for pair in each.comparisons
    ]


def _claim(each: Judged) -> str:
    return f"Control, not in the paper: {each.claim.text}" if each.claim.control else each.claim.text


def _outcome(cells: Cells, each: Judged) -> str:
    return f"{each.verdict.capitalize()}; {_measure(cells, each)}."


def _holding(each: Judged) -> str:
    verdicts = [pair.verdict for pair in each.comparisons]
    judged = len(verdicts) - verdicts.count(Verdict.NONE)
    unjudged = "" if judged == len(verdicts) else f" judged, {len(verdicts)} in all"
    return f"{verdicts.count(Verdict.HOLDS)} of {judged}{unjudged}"


def _measure(cells: Cells, each: Judged) -> str:
    """By which score, and when."""
    scores = ", ".join(_title(cells, score) for score in each.claim.scores)
    return f"{scores} after {cells.study.moments[each.claim.moment].label}"


def _title(cells: Cells, score: str) -> str:
    return score_title(score, cells.better(cells.score_name(score)))
