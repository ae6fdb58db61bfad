"""How deep circuits scramble, and how steep it is to undo them, as tables with their conditions."""

from collections.abc import Sequence
from pathlib import Path

from qdiffusion.analysis.blindness import PAIRS, Chance, chance
from qdiffusion.analysis.gradients import Steepness
from qdiffusion.analysis.pages import MISSING, Rows, make_folder, page
from qdiffusion.analysis.scrambling import LOGGED, LOGGED_SLOPE, ScramblingStudy, logged_fit
from qdiffusion.analysis.scramblingfigures import gradients_figure, scrambling_figure
from qdiffusion.plots.axes import save_figure
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.runs.files import write_text_atomic
from qdiffusion.states import LinearFit
from qdiffusion.training.environment import environment


def scrambling_rows(study: ScramblingStudy) -> Rows:
    """Head and rows: a number of qubits a row."""
    rows = []
    for curve in study.curves:
        half = curve.n_qubits // 2
        rows.append(
            [
                str(curve.n_qubits),
                str(curve.saturated),
                str(LOGGED.get(curve.n_qubits, MISSING)),
                f"{curve.page:.2f} ({half}|{curve.n_qubits - half})",
            ]
        )
    return ["Qubits", "Saturation depth", "In the log", "Page value (bits)"], rows


def scrambling_notes(study: ScramblingStudy) -> list[str]:
    """Sentences: how the table is read, and where the research log slips."""
    logged = logged_fit()
    fit = "" if study.fit is None else f" Here: {study.fit.slope:.2f} ± {study.fit.slope_error:.2f}."
    return [
        f"Ladder circuits, all angles uniform in [0, 2π), {study.draws} draws of each size. Saturation: 1 - F, the "
        "mean over the nine pairs of Pauli matrices on the first and the last qubit at infinite temperature, stays at "
        "0.9 or more. Entropies are those of half of the qubits, of the same circuits on |0…0⟩.",
        f"The log's own depths lie on {logged.slope:.2f} ± {logged.slope_error:.2f} layers a qubit, not on the "
        f"{LOGGED_SLOPE:g} that it states.{fit}",
        "The log calls 3.28 bits the Page value of 4 qubits: it is that of 8, cut 4|4. Two of four qubits hold 2 bits "
        "at most, and 1.33 in the mean.",
        "It names 4 and 5 as the depth of 4 qubits.",
    ]


def write_scrambling_study(out: Path, study: ScramblingStudy, command: str) -> None:
    """Write `scrambling.md` and `scrambling.png`; raises RunError where a file cannot be written."""
    make_folder(out)
    conditions = {"command": command, "seed": study.seed, **environment()}
    parts = [markdown_table(*scrambling_rows(study)), *scrambling_notes(study)]
    write_text_atomic(out / "scrambling.md", page("How deep a ladder scrambles", parts, conditions))
    save_figure(scrambling_figure(study), out / "scrambling.png")


def gradient_rows(found: Sequence[Steepness]) -> Rows:
    """Head and rows: a landscape a row."""
    sizes = [f"{n} qubits" for n in found[0].n_qubits]
    rows = [
        [
            each.landscape.name,
            *(f"{variance:.2g}" for variance in each.variances),
            _base(each.exponential),
            _fit(each.polynomial),
        ]
        for each in found
    ]
    return ["Landscape", *sizes, "2^slope a qubit (R²)", "Power of n (R²)"], rows


def chance_rows(found: Sequence[Chance]) -> Rows:
    """Head and rows: a number of qubits a row."""
    rows = [[str(each.n_qubits), f"{each.haar:.3f}", f"{each.products:.3f}"] for each in found]
    return ["Qubits", "The log's local fidelity, Haar states", "Local fidelity of products"], rows


def chance_notes() -> list[str]:
    """Sentences: how that table is read."""
    return [
        f"What Haar-random states score that have nothing to do with what was asked for, the mean of {PAIRS:,} pairs. "
        "The log's local fidelity, of the qubits' reduced states, hardly tells Haar states apart: training by it has "
        "next to nothing to gain. Of products of one-qubit states chance gets half, at any size.",
    ]


def gradient_notes(draws: int) -> list[str]:
    """Sentences: how the table is read."""
    return [
        f"Variance of the slopes of costs at random angles, the mean over all angles and {draws} draws of scrambler, "
        "angles and input. Deep: 2n layers of the log's ladder undo as many; one layer: a mirrored layer undoes one. "
        "Global: infidelity of one Haar state; local: qubit by qubit, of one product of one-qubit Haar states.",
        "Slopes are those of lines by least squares through log₂ of the variance, against n (exponential law) and "
        "against log₂ n (polynomial law), ± standard error; R² says which of the two is the better line.",
        "The log bounds the variance of the global cost by 2^-n. It is the standard deviation that falls so for a "
        "single state: the variance falls about as 4^-n. In the mean over all states, which a batch of few hardly "
        "shows for the scatter of its states, it falls as 16^-n.",
    ]


def write_gradient_study(out: Path, found: Sequence[Steepness], draws: int, seed: int, command: str) -> None:
    """Write `gradients.md` and `gradients.png`; raises RunError where a file cannot be written."""
    make_folder(out)
    conditions = {"command": command, "seed": seed, **environment()}
    blind = markdown_table(*chance_rows(chance(found[0].n_qubits, seed)))
    parts = [markdown_table(*gradient_rows(found)), *gradient_notes(draws), blind, *chance_notes()]
    write_text_atomic(out / "gradients.md", page("How steep it is to undo a scrambler", parts, conditions))
    save_figure(gradients_figure(found), out / "gradients.png")


def _base(fit: LinearFit) -> str:
    return f"2^({fit.slope:.2f} ± {fit.slope_error:.2f}) ({fit.explained:.3f})"


def _fit(fit: LinearFit) -> str:
    return f"{fit.slope:.2f} ± {fit.slope_error:.2f} ({fit.explained:.3f})"
