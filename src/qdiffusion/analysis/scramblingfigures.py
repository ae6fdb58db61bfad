"""How deep circuits scramble, and how steep it is to undo them, drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from qdiffusion.analysis.colours import BLACK, COLOURS, GREEN, MARKERS, VERMILION
from qdiffusion.analysis.gradients import Steepness
from qdiffusion.analysis.scrambling import LOGGED, ScramblingStudy
from qdiffusion.plots.axes import tidy
from qdiffusion.states.saturation import SATURATED


def scrambling_figure(study: ScramblingStudy) -> Figure:
    """1 - F and the entropy of half of the qubits, as a share of the Page value, against depth; saturation depths
    against qubits with the line through them and the log's own depths."""
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for place, curve in enumerate(study.curves):
        style = {"color": COLOURS[place % 7], "marker": MARKERS[place % 8], "markersize": 4, "linewidth": 1.4}
        left.plot(curve.depths, curve.decay, label=f"{curve.n_qubits} qubits", **style)
        middle.plot(curve.depths, np.divide(curve.entropies, curve.page), **style)
    left.axhline(SATURATED, color="0.5", linestyle="dashed", linewidth=1)
    middle.axhline(1, color="0.5", linestyle="dashed", linewidth=1)
    left.set(xlabel="depth", ylabel="1 - F, ends of the ladder", title="Correlator (dashed: saturated)")
    middle.set(xlabel="depth", ylabel="entropy of a half / Page value", title="Entanglement from |0…0⟩")
    _draw_depths(right, study)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=4, frameon=False)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3, frameon=False)
    for axes in (left, middle, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    return figure


def gradients_figure(found: Sequence[Steepness]) -> Figure:
    """The variances of slopes against the qubits, with their errors, on a logarithmic axis; a straight line on the left
    is an exponential law, one on the right, where qubits are logarithmic too, a polynomial one."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for place, each in enumerate(found):
        style = {"color": COLOURS[place % 7], "marker": MARKERS[place % 8], "markersize": 5, "linewidth": 1.4}
        for axes in (left, right):
            axes.errorbar(
                each.n_qubits, each.variances, yerr=each.errors, capsize=3, label=each.landscape.name, **style
            )
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xlabel("qubits")
        tidy(axes)
    right.set_xscale("log")
    right.set_xticks(found[0].n_qubits, [str(n) for n in found[0].n_qubits])
    right.xaxis.set_minor_locator(NullLocator())
    right.xaxis.set_minor_formatter(NullFormatter())
    left.set(ylabel="variance of a slope", title="an exponential law is a line here")
    right.set_title("a polynomial one here")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_depths(axes: Axes, study: ScramblingStudy) -> None:
    sizes = [curve.n_qubits for curve in study.curves]
    axes.plot(sizes, [curve.saturated for curve in study.curves], "o", color=BLACK, label="saturation depth")
    if study.fit is not None:
        ends = np.array([sizes[0], sizes[-1]])
        label = f"{study.fit.slope:.2f} ± {study.fit.slope_error:.2f} layers a qubit"
        axes.plot(ends, study.fit.intercept + study.fit.slope * ends, color=GREEN, label=label)
    axes.plot([*LOGGED], [*LOGGED.values()], "D", color=VERMILION, markersize=5, alpha=0.7, label="research log")
    axes.set(xlabel="qubits", ylabel="depth", title="Saturation")
