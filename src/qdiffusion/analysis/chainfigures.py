"""A chain on paper: Bloch vectors there and back, distances from the data, and how ordered its states are."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from qdiffusion.analysis.chainstudy import ChainStudy, Moment
from qdiffusion.analysis.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from qdiffusion.plots.axes import draw_sphere, name_poles, tidy

COLUMNS = 5
MOST_POINTS = 400
"""In a sphere, of all qubits together."""
BINS = 30
QUBIT_COLOURS = BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY
"""Qubits beyond these are not drawn as Bloch vectors."""
_WALKS = {
    "forward": (BLACK, "o", 4, "forward: training data, noised"),
    "trained": (BLUE, "s", 6, "reverse, train: states that each circuit was trained on"),
    "fresh": (VERMILION, "D", 4, "reverse, test: other states"),
}


def chain_figures(study: ChainStudy) -> dict[str, Figure]:
    """Figures by the names of their files; without magnetisation of a single qubit."""
    found = {"bloch": bloch_figure(study), "distances": distance_figure(study)}
    return found if study.n_qubits == 1 else {**found, "magnetisation": magnetisation_figure(study)}


def shown_levels(study: ChainStudy) -> tuple[int, ...]:
    """Five levels from 0 to T, evenly spaced; fewer where there are not so many."""
    return tuple(sorted({round(level) for level in np.linspace(0, len(study.forward) - 1, COLUMNS)}))


def bloch_figure(study: ChainStudy) -> Figure:
    """Bloch vectors of the noised training data above those of the samples under way, at the same levels."""
    levels = shown_levels(study)
    n_qubits = min(study.n_qubits, len(QUBIT_COLOURS))
    figure = Figure(figsize=(2.2 * len(levels) + 0.4, 4.7 if n_qubits == 1 else 5.0), layout="constrained")
    panels = figure.subplots(2, len(levels))
    for row, (name, walk) in zip(panels, {"forward": study.forward, "reverse": study.fresh}.items(), strict=True):
        for axes, level in zip(row, levels, strict=True):
            _draw_cloud(axes, walk[level])
        name_poles(row[0])
        row[0].text(-0.04, 0.5, name, transform=row[0].transAxes, rotation=90, ha="right", va="center", fontsize=12)
    for axes, level in zip(panels[0], levels, strict=True):
        axes.set_title(f"t = {level}", fontsize=12)
    _name_qubits(figure, n_qubits)
    return figure


def distance_figure(study: ChainStudy) -> Figure:
    """MMD and Wasserstein distance from the held-out data against the level, logarithmically; the floor dashed."""
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    for axes, (measure, label) in zip(figure.subplots(1, 2), _MEASURES.items(), strict=True):
        for name, (colour, marker, size, told) in _WALKS.items():
            values = [getattr(moment, measure) for moment in getattr(study, name)]
            style = {"color": colour, "marker": marker, "markersize": size, "linewidth": 1.4}
            axes.plot(range(len(values)), values, label=told, **style)
        floor = getattr(study.forward[0], measure)
        axes.axhline(floor, color=GREEN, linestyle="dashed", linewidth=1.4, label="floor: training data without noise")
        axes.set_yscale("log")
        axes.set(xlabel="level t (0: no noise)", ylabel=f"{label} from held-out data")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        tidy(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"{study.n_states:,} states in each set", fontsize=10, color="0.4")
    return figure


def magnetisation_figure(study: ChainStudy) -> Figure:
    """Histograms of held-out data, samples and the prior's states."""
    sets = {
        "held-out data": (study.data, BLACK),
        "samples": (study.fresh[0], VERMILION),
        study.prior: (study.fresh[-1], SKY),
    }
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    values = [each.magnetisation for each, _ in sets.values()]
    edges = np.linspace(min(map(np.min, values)), max(map(np.max, values)), BINS + 1)
    for name, (each, colour) in sets.items():
        style: dict[str, Any] = {
            "bins": edges,
            "weights": np.full(len(each.magnetisation), 1 / len(each.magnetisation)),
        }
        axes.hist(each.magnetisation, histtype="stepfilled", color=colour, alpha=0.25, **style)
        label = f"{name}, mean {each.magnetisation.mean():.3f}"
        axes.hist(each.magnetisation, histtype="step", color=colour, linewidth=1.6, label=label, **style)
    axes.set(xlabel="magnetisation", ylabel="share of the states")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(f"{study.n_states:,} states in each set", fontsize=10, color="0.4")
    tidy(axes)
    return figure


_MEASURES = {"mmd": "MMD", "wasserstein": "Wasserstein distance"}


def _draw_cloud(axes: Axes, moment: Moment) -> None:
    """The first states, as many as keep the points of all qubits apart."""
    n_qubits = min(moment.bloch.shape[1], len(QUBIT_COLOURS))
    vectors = moment.bloch[: MOST_POINTS // n_qubits, :n_qubits]
    colours = [*QUBIT_COLOURS[:n_qubits]] * len(vectors)
    draw_sphere(axes, vectors.reshape(-1, 3), 9, colours)


def _name_qubits(figure: Figure, n_qubits: int) -> None:
    """A legend of the colours, where there is more than one."""
    if n_qubits == 1:
        return
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 6}
    handles = [Line2D([], [], color=QUBIT_COLOURS[qubit], label=f"qubit {qubit}", **style) for qubit in range(n_qubits)]
    figure.legend(handles=handles, loc="outside lower center", ncols=n_qubits, frameon=False)
