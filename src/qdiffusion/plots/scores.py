"""The scores in metrics.json as rows and sentences; a score never goes without what is needed to read it."""

from collections.abc import Mapping
from typing import Any

HOW_TO_READ = (
    "FID and KID measure how far the samples lie from the reference images in the feature network's space: lower is "
    "better, and the floor is what real images score against other real images. IS, higher is better, asks whether "
    "each sample looks like one class and all classes occur. Compare values only for the same network, counts and "
    "reference; none of them tells whether the model copies its training images."
)


def score_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and floor of every score, as text; "–" where a score has no floor."""
    names = (f"{score}-{metrics['features']}" for score in ("fid", "kid", "is"))
    return [
        (name, _number(metrics, name), _number(metrics, f"floor-{name}")) for name in names if metrics[name] is not None
    ]


def score_conditions(metrics: Mapping[str, Any]) -> str:
    """Counts, reference set and feature network, in one sentence."""
    half = f"{metrics['n_floor']:,}"
    singular = (
        " Fewer images than features make this FID comparable only with others of the same count."
        if metrics["fid_rank_deficient"]
        else ""
    )
    return (
        f"{metrics['n_samples']:,} samples against {metrics['n_reference']:,} reference images "
        f"({metrics['reference']}); feature network {metrics['features']}; "
        f"floor: {half} real images against {half} others.{singular}"
    )


def _number(metrics: Mapping[str, Any], name: str) -> str:
    value, spread = metrics.get(name), metrics.get(f"{name}-std")
    if value is None:
        return "–"
    return f"{value:.4g}" if spread is None else f"{value:.4g} ± {spread:.2g}"
