"""Verdicts as tables, in a page and in Markdown."""

from collections.abc import Sequence

from qdiffusion.plots import html
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.studies.cells import Cells
from qdiffusion.studies.texts import difference_texts, score_title
from qdiffusion.studies.verdicts import LEGEND, Judged, Verdict

_CLAIMS = ("Claim", "Verdict", "Comparisons that hold", "By")
_PARTS = {"As claimed": False, "Controls, our own": True}
_EVERY = "Every comparison"
_MOST_SCORES = 4
_COMPARISONS = ("Score", "Column", "Baseline", "Difference", "95 % interval", "Bound", "p", "Seeds", "Verdict")


def to_html(cells: Cells, judged: Sequence[Judged]) -> list[str]:
    """The claims with their verdicts, those that the paper lacks apart; how these are reached; every comparison."""
    details = [
        html.titled(
            _claim(each), html.note(_outcome(cells, each)), html.columns(_COMPARISONS, _comparisons(cells, each))
        )
        for each in judged
    ]
    folded = html.folded(f"{_EVERY}, with its test", "\n".join(details))
    tables = [
        html.titled(title, html.columns(_CLAIMS, _claims(cells, part), "sentences"))
        for title, part in _parts(judged).items()
    ]
    return [*tables, html.titled("How they are judged", html.note(LEGEND)), folded]


def to_markdown(cells: Cells, judged: Sequence[Judged]) -> str:
    """The same as a text."""
    lines = [f"# {cells.study.title}: what is claimed", LEGEND]
    for title, part in _parts(judged).items():
        lines += [f"## {title}", markdown_table(_CLAIMS, _claims(cells, part))]
    lines += [f"## {_EVERY}"]
    for each in judged:
        lines += [f"### {_claim(each)}", _outcome(cells, each), markdown_table(_COMPARISONS, _comparisons(cells, each))]
    return "\n\n".join(lines) + "\n"


def _parts(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The paper's own claims and controls, where there are any, by what they are."""
    parts = {title: [each for each in judged if each.claim.control is control] for title, control in _PARTS.items()}
    return {title: part for title, part in parts.items() if part}


def _claims(cells: Cells, judged: Sequence[Judged]) -> list[list[str]]:
    return [[each.claim.text, each.verdict, _holding(each), _measure(cells, each)] for each in judged]


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
    return f"Control: {each.claim.text}" if each.claim.control else each.claim.text


def _outcome(cells: Cells, each: Judged) -> str:
    return f"{each.verdict.capitalize()}; {_measure(cells, each)}."


def _holding(each: Judged) -> str:
    verdicts = [pair.verdict for pair in each.comparisons]
    judged = len(verdicts) - verdicts.count(Verdict.NONE)
    unjudged = "" if judged == len(verdicts) else f" judged, {len(verdicts)} in all"
    return f"{verdicts.count(Verdict.HOLDS)} of {judged}{unjudged}"


def _measure(cells: Cells, each: Judged) -> str:
    """By which score, and when."""
    titles = [_title(cells, score) for score in each.claim.scores]
    scores = ", ".join(titles) if len(titles) <= _MOST_SCORES else f"{len(titles)} scores, {titles[0]} to {titles[-1]}"
    concerned = {*each.claim.columns, *each.claim.baselines}
    return f"{scores} after {cells.moment_title(each.claim.moment, concerned)}"


def _title(cells: Cells, score: str) -> str:
    return score_title(score, cells.better(cells.score_name(score)))
