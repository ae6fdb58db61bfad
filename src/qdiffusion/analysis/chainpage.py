"""What the study of a chain leaves behind: its numbers in tables, with the conditions, and its figures."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qdiffusion.analysis.chainfigures import MOST_POINTS, QUBIT_COLOURS, chain_figures, shown_levels
from qdiffusion.analysis.chainstudy import ChainStudy
from qdiffusion.analysis.pages import MISSING, Rows, make_folder, page
from qdiffusion.plots.axes import save_figure
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.runs.files import write_text_atomic
from qdiffusion.training.environment import environment


def write_chain_study(out: Path, study: ChainStudy, command: str) -> tuple[Path, ...]:
    """Write `analysis.md` and the figures, each whole or not at all; what does not apply to the run is left out.

    command: what makes the study again, written into the conditions.

    Returns:
        The files.

    Raises:
        RunError: a file cannot be written.
    """
    make_folder(out)
    figures = chain_figures(study)
    for name, figure in figures.items():
        save_figure(figure, out / f"{name}.png")
    write_text_atomic(out / "analysis.md", _page(study, command))
    return (out / "analysis.md", *(out / f"{name}.png" for name in figures))


def chain_tables(study: ChainStudy) -> list[tuple[str, Rows]]:
    """Titles and tables for a terminal."""
    return [
        ("Sets of states", set_rows(study)),
        ("Distances from held-out data", distance_rows(study, shown_levels(study))),
    ]


def set_rows(study: ChainStudy) -> Rows:
    """Head and rows: held-out and training data, samples and the prior's states; distances, mean length of the qubits'
    Bloch vectors, magnetisation with its standard deviation."""
    sets = {
        "held-out data": study.data,
        "training data": study.forward[0],
        "samples": study.fresh[0],
        study.prior: study.fresh[-1],
    }
    rows = []
    for name, each in sets.items():
        distances = [MISSING] * 2 if each is study.data else [_number(each.mmd), _number(each.wasserstein)]
        length = np.linalg.norm(each.bloch, axis=-1).mean()
        order = f"{each.magnetisation.mean():.4f} ± {each.magnetisation.std():.4f}"
        rows.append([name, *distances, f"{length:.4f}", MISSING if study.n_qubits == 1 else order])
    return ["States", "MMD", "Wasserstein", "Bloch length", "Magnetisation"], rows


def distance_rows(study: ChainStudy, levels: Iterable[int]) -> Rows:
    """Head and rows: a level a row, MMD and Wasserstein distance of the three walks."""
    walks = study.forward, study.trained, study.fresh
    names = "forward", "reverse, train", "reverse, test"
    head = ["t", *(f"{measure}, {name}" for measure in ("MMD", "W") for name in names)]
    rows = [
        [str(level), *(_number(getattr(walk[level], measure)) for measure in ("mmd", "wasserstein") for walk in walks)]
        for level in levels
    ]
    return head, rows


def _page(study: ChainStudy, command: str) -> str:
    parts = [
        *study.left_out,
        "## Sets of states",
        _set_note(study),
        markdown_table(*set_rows(study)),
        "## Level by level",
        _level_note(study),
        markdown_table(*distance_rows(study, range(len(study.forward)))),
    ]
    conditions = {
        "command": command,
        "seed": study.seed,
        "states in each set": f"{study.n_states:,}",
        "run's seed": study.experiment.seed,
        "weights": f"step {study.origin['step']:,}, SHA-256 {study.origin['weights_sha256']}",
        "training data": study.sources[0],
        "held-out data": study.sources[1],
        **environment(),
    }
    return page(f"{study.experiment.name}: there and back", parts, conditions)


def _set_note(study: ChainStudy) -> str:
    """What the columns are, and which points bloch.png has."""
    drawn = min(study.n_qubits, len(QUBIT_COLOURS))
    qubits = "the Bloch vectors" if study.n_qubits == 1 else f"the reduced Bloch vectors of qubits 0 to {drawn - 1}"
    likeness = "super-fidelity" if study.mixed else "fidelity"
    return (
        f"{study.n_states:,} states in each set, compared with as many held-out data by the biased MMD and the exact "
        f"Wasserstein distance, both of the {likeness}; finite sets of one distribution are apart, too, as far as the "
        "training data (the floor) are. Bloch length: mean over states and qubits, the others traced out; |r|² is "
        f"2 tr ρ² - 1. `bloch.png` shows {qubits} of the first {min(study.n_states, MOST_POINTS // drawn):,} states, "
        "|0⟩ at the top; the fainter a point, the farther behind."
    )


def _level_note(study: ChainStudy) -> str:
    noise = "levels of depolarisation" if study.mixed else "random layers of noise"
    return (
        f"Level t is behind t of {len(study.forward) - 1} {noise}. Forward: training data, noised. Reverse, test: "
        f"{study.prior} through the chain, as in sampling. Reverse, train: each circuit on states that it was trained "
        f"on. These are the training's own, drawn again by its seed: {study.prior} for each circuit, led to its level "
        "by the circuits before it, with chance of their own. W: Wasserstein distance."
    )


def _number(value: float) -> str:
    return f"{value:.3g}"
