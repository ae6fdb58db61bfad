"""Portraits of one state side by side: original, scrambled, restored."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from qdiffusion.analysis.colours import BLACK, BLUE, SKY, VERMILION
from qdiffusion.analysis.portraits import MOST_DRAWN, Portrait, haar_negative_share
from qdiffusion.plots.entangled import draw_pairs, draw_spectra
from qdiffusion.plots.matrices import draw_density, draw_hinton, draw_wigner
from qdiffusion.states import page_entropy

_STYLES = (BLACK, "o"), (BLUE, "s"), (VERMILION, "D")


def portrait_figures(portraits: Sequence[Portrait]) -> dict[str, Figure]:
    """Figures by the names of their files; those of matrices up to `MOST_DRAWN` qubits."""
    drawings: dict[str, Callable[[Sequence[Portrait]], Figure]] = {
        "density": _densities,
        "hinton": _hintons,
        "wigner": _wigners,
        "mutual-information": _pairs,
        "schmidt": _spectra,
    }
    n_qubits = len(portraits[0].information)
    return {name: draw(portraits) for name, draw in drawings.items() if n_qubits <= MOST_DRAWN.get(name, n_qubits)}


def _densities(portraits: Sequence[Portrait]) -> Figure:
    densities = [each.density for each in portraits if each.density is not None]
    top = max(float(density.abs().max()) for density in densities)
    figure, panels = _side_by_side(portraits, _title)
    pictures = [draw_density(axes, density, top) for axes, density in zip(panels, densities, strict=True)]
    figure.colorbar(pictures[0], ax=panels, label="|ρ|", shrink=0.8)
    return figure


def _hintons(portraits: Sequence[Portrait]) -> Figure:
    densities = [each.density for each in portraits if each.density is not None]
    top = max(float(density.abs().max()) for density in densities)
    figure, panels = _side_by_side(portraits, _title)
    pictures: list[ScalarMappable] = [draw_hinton(*each, top) for each in zip(panels, densities, strict=True)]
    bar = figure.colorbar(pictures[0], ax=panels, label="phase arg ρ (area: |ρ|)", shrink=0.8)
    bar.set_ticks(np.linspace(-np.pi, np.pi, 5).tolist(), labels=["-π", "-π/2", "0", "π/2", "π"])
    return figure


def _wigners(portraits: Sequence[Portrait]) -> Figure:
    values = [each.wigner for each in portraits if each.wigner is not None]
    limit = max(float(each.abs().max()) for each in values)
    figure, panels = _side_by_side(portraits, _negativity)
    pictures = [draw_wigner(axes, each, limit) for axes, each in zip(panels, values, strict=True)]
    panels[0].set_ylabel("X basis")
    for axes in panels:
        axes.set_xlabel("Z basis")
    figure.colorbar(pictures[0], ax=panels, label="Wigner function W", shrink=0.8)
    mean, spread = haar_negative_share(len(portraits[0].information))
    figure.suptitle(f"Haar-random states: {mean:.1%} ± {spread:.1%} negative", fontsize=10, color="0.4")
    return figure


def _pairs(portraits: Sequence[Portrait]) -> Figure:
    top = max(float(each.information.max()) for each in portraits) or 1.0
    figure, panels = _side_by_side(portraits, _dominance)
    for axes, each in zip(panels, portraits, strict=True):
        draw_pairs(axes, each.information, top, SKY, VERMILION)
    return figure


def _spectra(portraits: Sequence[Portrait]) -> Figure:
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{_title(each)}: S = {each.entropy:.2f} bits, purity {each.purity:.4f}" for each in portraits]
    spectra = dict(zip(names, (each.spectrum for each in portraits), strict=True))
    draw_spectra(axes, spectra, dict(zip(names, _STYLES, strict=True)))
    n_qubits = len(portraits[0].information)
    half = n_qubits // 2
    page = page_entropy(1 << half, 1 << n_qubits - half)
    axes.set_title(
        f"Cut of {half} | {n_qubits - half} qubits; Haar states: S = {page:.2f} bits on average", fontsize=11
    )
    return figure


def _side_by_side(portraits: Sequence[Portrait], title: Callable[[Portrait], str]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.6 * len(portraits) + 0.8, 4.1), layout="constrained")
    panels = list(figure.subplots(1, len(portraits)))
    for axes, each in zip(panels, portraits, strict=True):
        axes.set_title(title(each), fontsize=11)
    return figure, panels


def _title(portrait: Portrait) -> str:
    return portrait.name if portrait.name == "original" else f"{portrait.name}, F = {portrait.fidelity:.3f}"


def _negativity(portrait: Portrait) -> str:
    return f"{_title(portrait)}\n{portrait.negative_share:.1%} of the points negative"


def _dominance(portrait: Portrait) -> str:
    first, second = portrait.dominant
    bits = float(portrait.information[first, second])
    return f"{_title(portrait)}\ndominant pair {first}–{second}: {bits:.2f} bits"
