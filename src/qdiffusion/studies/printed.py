"""The paper's own scores as a table of their own, never in one with ours."""

from decimal import Decimal

from qdiffusion.plots import html
from qdiffusion.studies.spec import Published, PublishedScore, StudySpec
from qdiffusion.studies.texts import MISSING, is_higher_better, score_title

_ABSENT = "–: not printed in the places named."


def to_html(study: StudySpec, block: Published) -> str:
    """A row a column that the paper scores, all digits as printed, under it what the scores mean."""
    found = {(score.column, score.epoch, score.score): score for score in block.scores}
    epochs = sorted({score.epoch for score in block.scores}, key=lambda epoch: epoch or 0)
    kinds = [kind for kind in study.scores if any(score.score == kind for score in block.scores)]
    heads = [score_title(kind, "higher" if is_higher_better(kind) else "lower") for kind in kinds]
    keys = [key for key in study.keys if any(score.column == key for score in block.scores)]
    counts = [("", ["Parameters"])] if block.parameters else []
    rows = [
        [
            study.label(key),
            *([_count(block.parameters.get(key))] if block.parameters else []),
            *(_text(found.get((key, epoch, kind))) for epoch in epochs for kind in kinds),
        ]
        for key in keys
    ]
    whole = html.grouped(
        [*counts, *(("trained" if epoch is None else f"epoch {epoch}", heads) for epoch in epochs)], "Column", rows
    )
    absent = [_ABSENT] if any(MISSING in row for row in rows) else []
    return html.titled(block.source, whole, html.bullets([*block.notes, *absent]))


def _count(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _text(score: PublishedScore | None) -> str:
    """All digits; at least four decimals where a spread is printed."""
    if score is None:
        return MISSING
    if score.std is None:
        return str(score.value)
    return " ± ".join(f"{value:.{max(4, _decimals(value))}f}" for value in (score.value, score.std))


def _decimals(value: float) -> int:
    return -int(Decimal(repr(value)).as_tuple().exponent)
