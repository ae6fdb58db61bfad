"""Numbers and tables as readers see them."""

from collections.abc import Iterable, Sequence
from math import floor, log10

from qdiffusion.studies.statistics import Difference, Estimate

MISSING = "–"
_TITLES = {"fid": "FID", "kid": "KID", "is": "IS"}


def score_title(kind: str, better: str) -> str:
    """A score's heading, with an arrow to where it is better: "FID ↓"."""
    return f"{_TITLES.get(kind, kind.capitalize())} {'↓' if better == 'lower' else '↑'}"


def number(value: float) -> str:
    """Four digits, never with an exponent: "45.28", "0.0523", "483321"."""
    return f"{value:.{_decimals(value, 4)}f}"


def estimate_text(estimate: Estimate | None) -> str:
    """Mean ± half-width, as many decimals as the half-width has in two digits: "45.28 ± 0.31"; "–" where none is."""
    if estimate is None:
        return MISSING
    if not estimate.half_width:
        return number(estimate.mean)
    decimals = _decimals(estimate.half_width, 2)
    return f"{estimate.mean:.{decimals}f} ± {estimate.half_width:.{decimals}f}"


def difference_texts(difference: Difference | None) -> list[str]:
    """Difference, its interval, the bound it is tested against, p, and the number of seeds."""
    if difference is None:
        return [MISSING] * 4 + ["0"]
    estimate, interval = difference.estimate, difference.estimate.interval
    if interval is None or difference.p is None:
        return [_signed(estimate.mean), MISSING, _signed(difference.null), MISSING, str(estimate.n)]
    ends = " … ".join(map(_signed, interval))
    p = "< 0.0001" if difference.p < 1e-4 else f"{difference.p:.2g}"
    return [_signed(estimate.mean), ends, _signed(difference.null), p, str(estimate.n)]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _signed(value: float) -> str:
    shown = number(value)
    return shown if value <= 0 else f"+{shown}"


def _decimals(value: float, digits: int) -> int:
    """How many decimals show that many digits of a value."""
    return max(0, digits - 1 - floor(log10(abs(value)))) if value else 0
