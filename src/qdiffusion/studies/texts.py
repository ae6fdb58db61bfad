"""Numbers and tables as readers see them."""

from math import floor, log10

from qdiffusion.studies.statistics import Difference, Estimate

MISSING = "–"
ROUNDING = 1e-6
"""Of a mean: a half-width below is none, but that of equal values that were rounded, some in single precision."""
_TITLES = {
    "fid": "FID",
    "kid": "KID",
    "is": "IS",
    "mmd": "MMD",
    "mmd-unbiased": "MMD unbiased",
    "fidelity-0": "Fidelity with |0…0⟩",
}


_HIGHER = ("is", "magnetisation", "purity")


def is_higher_better(kind: str) -> bool:
    """Of a score that a paper prints: ours say it themselves."""
    return kind in _HIGHER or ("fidelity" in kind and not kind.startswith("in"))


def score_words(kind: str) -> str:
    """What readers call a score: "FID", "Infidelity t3"."""
    return _TITLES.get(kind, kind.capitalize().replace("-", " "))


def score_title(kind: str, better: str) -> str:
    """A score's heading, with an arrow to where it is better: "FID ↓"."""
    return f"{score_words(kind)} {'↓' if better == 'lower' else '↑'}"


def number(value: float) -> str:
    """Four digits: "45.28", "0.0523"; all before the point where there are more."""
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def estimate_text(estimate: Estimate | None) -> str:
    """Mean ± half-width, as many decimals as the half-width has in two digits: "45.28 ± 0.31"; "–" where none is."""
    if estimate is None:
        return MISSING
    if not estimate.half_width or estimate.half_width < ROUNDING * abs(estimate.mean):
        return number(estimate.mean)
    decimals = _decimals(estimate.half_width, 2)
    return f"{estimate.mean:.{decimals}f} ± {estimate.half_width:.{decimals}f}"


def difference_texts(difference: Difference | None) -> list[str]:
    """Difference, its interval, the bound it is tested against, p, and the number of seeds."""
    if difference is None:
        return [*[MISSING] * 4, "0"]
    found, interval = difference.estimate, difference.estimate.interval
    decimals = _decimals(found.half_width or found.mean, 3)
    mean, bound = _signed(found.mean, decimals), _signed(difference.null, decimals) if difference.null else "0"
    if interval is None or difference.p is None:
        return [mean, MISSING, bound, MISSING, str(found.n)]
    p = "< 0.0001" if difference.p < 1e-4 else f"{difference.p:.2g}"
    return [mean, " … ".join(_signed(end, decimals) for end in interval), bound, p, str(found.n)]


def _signed(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")


def _decimals(value: float, digits: int) -> int:
    """How many decimals show that many digits of a value."""
    return max(0, digits - 1 - floor(log10(abs(value)))) if value else 0
