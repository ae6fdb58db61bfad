"""The figures of the analyses."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from qdiffusion.analysis.ansatze import AnsatzStudy
from qdiffusion.analysis.colours import BLUE, COLOURS, GREEN, MARKERS, VERMILION
from qdiffusion.analysis.encodings import EncodingCost
from qdiffusion.analysis.published import reported
from qdiffusion.plots.axes import tidy

_DASH = 3.0
_OURS, _THEIRS, _HAAR = BLUE, VERMILION, GREEN


def ansatz_figure(study: AnsatzStudy) -> Figure:
    """Divergence, on a logarithmic scale, and Meyer-Wallach measure of every ansatz with their standard errors, beside
    what Haar states score and what QAMP reports.
    """
    scores = study.scores
    figure = Figure(figsize=(11, 1.9 + 0.38 * len(scores)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    theirs = reported(study.n_wires, study.n_layers)
    for place, score in enumerate(scores):
        # An error that reaches 0 has no place on a logarithmic axis; it is drawn to a tenth of the value.
        below = min(score.divergence_error, 0.9 * score.divergence)
        _point(left, score.divergence, place, ([below], [score.divergence_error]))
        _point(right, score.entangling, place, score.entangling_error)
        if score.name in theirs:
            found = theirs[score.name]
            left.plot([found.low, found.high], [place + 0.22] * 2, color=_THEIRS, marker="D", markersize=5)
            right.plot([found.entangling], [place + 0.22], color=_THEIRS, marker="D", markersize=5)
    for axes, haar in ((left, study.floor), (right, study.haar_entangling)):
        axes.axvline(haar, color=_HAAR, linestyle="dashed", linewidth=1.4)
        tidy(axes)
    left.set_xscale("log")
    left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.xaxis.set(major_formatter=FuncFormatter(lambda value, _: f"{value:g}"), minor_locator=NullLocator())
    left.set_yticks(range(len(scores)), [score.name for score in scores])
    left.set_ylim(len(scores) - 0.4, -0.6)
    left.set_xlabel("KL of fidelities from the Haar law (nats)\nmore expressible ←")
    right.set_xlabel("mean Meyer-Wallach measure Q\n→ more entangled")
    figure.suptitle(f"{study.n_wires} wires, {study.n_layers} layers, {study.n_samples:,} pairs of states", fontsize=11)
    _ansatz_legend(figure, left, bool(theirs))
    return figure


def encoding_figure(curves: Mapping[int, Sequence[EncodingCost]]) -> Figure:
    """Qubits, depth, and numbers per qubit against how many real numbers are encoded, all axes logarithmic.

    curves: the costs, always of the same encodings, by the number of features.
    """
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    panels: dict[str, Callable[[EncodingCost], float]] = {
        "qubits": lambda cost: cost.n_qubits,
        "depth": lambda cost: cost.depth,
        "numbers per qubit": lambda cost: cost.features_per_qubit,
    }
    features = sorted(curves)
    names = [cost.name for cost in curves[features[0]]]
    for axes, (title, value) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        heights = [[value(curves[n][place]) for n in features] for place in range(len(names))]
        for place, height in enumerate(heights):
            alike = [other for other, curve in enumerate(heights) if curve == height]
            style = {"color": COLOURS[place % 8], "marker": MARKERS[place % 8], "markersize": 5}
            axes.plot(features, height, linewidth=2, linestyle=_dashes(alike.index(place), len(alike)), **style)
        axes.set(xlabel="real numbers encoded", title=title)
        _powers(axes)
    handles = [Line2D([], [], color=COLOURS[i % 8], marker=MARKERS[i % 8], label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _dashes(turn: int, count: int) -> str | tuple[float, tuple[float, float]]:
    """Curves that coincide take turns."""
    return "solid" if count == 1 else (-_DASH * turn, (_DASH, _DASH * (count - 1)))


def _powers(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(base=2, numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _point(axes: Axes, value: float, place: int, error: float | tuple[list[float], list[float]]) -> None:
    axes.errorbar(value, place, xerr=error, color=_OURS, marker="o", markersize=6, capsize=3, linewidth=1.4)


def _ansatz_legend(figure: Figure, axes: Axes, has_reported: bool) -> None:
    handles = [
        axes.plot([], [], color=_OURS, marker="o", linestyle="none", label="this study, ± standard error")[0],
        axes.plot([], [], color=_HAAR, linestyle="dashed", label="Haar states, of a sample as large")[0],
    ]
    if has_reported:
        handles += axes.plot([], [], color=_THEIRS, marker="D", linestyle="none", label="reported by QAMP 2025")
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
