"""What the study of a run leaves behind: its numbers in tables, with the conditions, and its figures."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from qdiffusion.analysis.curves import StageCurve
from qdiffusion.analysis.pages import MISSING, Rows, make_folder, page
from qdiffusion.analysis.portraitfigures import portrait_figures
from qdiffusion.analysis.portraits import Portrait, haar_negative_share
from qdiffusion.analysis.recovery import Overlap, Snapshot
from qdiffusion.analysis.runstudy import RunStudy
from qdiffusion.analysis.trainingfigures import gap_figure, recovery_figure, training_figure
from qdiffusion.plots.axes import save_figure
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.runs.files import write_text_atomic
from qdiffusion.states import page_entropy
from qdiffusion.training.environment import environment

MOST_PAIRS = 15
MOST_WEIGHTS = 4
_SPLITS = ("train", "held_out")


def write_run_study(out: Path, study: RunStudy, command: str) -> tuple[Path, ...]:
    """Write `analysis.md` and the figures, each whole or not at all; what does not apply to the run is left out.

    command: what makes the study again, written into the conditions.

    Returns:
        The files.

    Raises:
        RunError: a file cannot be written.
    """
    make_folder(out)
    figures = portrait_figures(study.portraits)
    if study.curves:
        figures["training"] = training_figure(study.curves, study.spans, study.experiment.log_every, study.floor)
    if study.snapshots:
        figures["recovery"] = recovery_figure(study.snapshots, study.spans)
        figures["gap"] = gap_figure(study.snapshots, study.spans)
    for name, figure in figures.items():
        save_figure(figure, out / f"{name}.png")
    write_text_atomic(out / "analysis.md", _page(study, command))
    return (out / "analysis.md", *(out / f"{name}.png" for name in figures))


def undoing_tables(study: RunStudy) -> list[tuple[str, Rows]]:
    """Titles and tables for a terminal."""
    found = [(f"Held-out state {study.state}", portrait_rows(study.portraits))]
    return [*found, ("Restored states", snapshot_rows(study.snapshots))] if study.snapshots else found


def portrait_rows(portraits: Sequence[Portrait]) -> Rows:
    """Head and rows: a quantity a row, the original, the scrambled and the restored state side by side."""
    quantities = {
        "Fidelity with the original": [f"{each.fidelity:.4f}" for each in portraits],
        "Of magnitudes alone": [f"{each.magnitudes:.4f}" for each in portraits],
        "Purity": [f"{each.purity:.4f}" for each in portraits],
        "Negative Wigner points": [_percent(each.negative_share) for each in portraits],
        "Their sum, negated": [_number(each.sum_negativity) for each in portraits],
        "Entropy of the cut (bits)": [f"{each.entropy:.4f}" for each in portraits],
        "Schmidt weights": [_weights(each) for each in portraits],
        "Dominant pair": ["{}–{}".format(*each.dominant) for each in portraits],
    }
    return ["Quantity", *(each.name for each in portraits)], [[name, *cells] for name, cells in quantities.items()]


def pair_rows(portraits: Sequence[Portrait]) -> Rows:
    """Head and rows: the mutual information of the pairs, bits; of many the largest ones of the original."""
    first = portraits[0].information
    pairs = sorted(combinations(range(len(first)), 2), key=lambda pair: -float(first[pair]))
    rows = [
        ["{}–{}".format(*pair), *(f"{float(each.information[pair]):.4f}" for each in portraits)]
        for pair in pairs[:MOST_PAIRS]
    ]
    return ["Pair", *(each.name for each in portraits)], rows


def stage_rows(curves: Iterable[StageCurve]) -> Rows:
    """Head and rows: what each stage has logged, and which part of its gain the first 30 % of its steps made."""
    rows = []
    for curve in curves:
        span, values = curve.span, curve.fidelities
        length = span.end - span.begin
        early, whole = curve.gain_until(3 * length // 10), curve.gain_until(length)
        shown = (f"{value:.4f}" for value in (values[0], values.max(), values[-1], early, whole))
        rows.append([span.name, f"{span.begin + 1:,}–{span.end:,}", *shown])
    return ["Stage", "Steps", "First", "Highest", "Last", "Gain by 30 %", "Gain"], rows


def snapshot_rows(snapshots: Iterable[Snapshot]) -> Rows:
    """Head and rows: fidelities of training and held-out states, by how much the ones are larger, and
    magnitudes alone."""
    head = ["Step", "Stage", "F, train", "F, held-out", "Gap", "Magnitudes, train", "Magnitudes, held-out"]
    rows = []
    for each in snapshots:
        fidelities, magnitudes = (
            [_overlap(getattr(getattr(each, split), measure)) for split in _SPLITS]
            for measure in ("fidelity", "magnitudes")
        )
        gap = each.train.fidelity.mean - each.held_out.fidelity.mean
        rows.append([f"{each.step:,}", each.stage, *fidelities, f"{gap:.4f}", *magnitudes])
    return head, rows


def share_rows(snapshots: Iterable[Snapshot]) -> Rows:
    """Head and rows: how far fidelity and magnitudes are from what Haar states score (0) to 1."""
    head = ["Step", "Stage", "F, train", "Magnitudes, train", "F, held-out", "Magnitudes, held-out"]
    rows = []
    for each in snapshots:
        overlaps = (each.train.fidelity, each.train.magnitudes, each.held_out.fidelity, each.held_out.magnitudes)
        shares = (f"{overlap.share:.3f} ± {overlap.share_error:.3f}" for overlap in overlaps)
        rows.append([f"{each.step:,}", each.stage, *shares])
    return head, rows


def _page(study: RunStudy, command: str) -> str:
    parts = [
        *study.left_out,
        "## One held-out state",
        _portrait_note(study),
        markdown_table(*portrait_rows(study.portraits)),
        "Mutual information (bits):",
        markdown_table(*pair_rows(study.portraits)),
    ]
    if study.curves:
        parts += ["## Stage by stage", _stage_note(study), markdown_table(*stage_rows(study.curves))]
    if study.snapshots:
        shares = "The same as shares of the way from what Haar states score to 1:"
        parts += ["## Snapshots", _snapshot_note(study.snapshots), markdown_table(*snapshot_rows(study.snapshots))]
        parts += [shares, markdown_table(*share_rows(study.snapshots))]
    conditions = {
        "command": command,
        "run's seed": study.experiment.seed,
        "weights": f"step {study.origin['step']:,}, SHA-256 {study.origin['weights_sha256']}",
        "states": study.source,
        **environment(),
    }
    return page(f"{study.experiment.name}: what is undone", parts, conditions)


def _portrait_note(study: RunStudy) -> str:
    n_qubits = len(study.portraits[0].information)
    half = n_qubits // 2
    page_value = page_entropy(1 << half, 1 << n_qubits - half)
    told = [
        f"Held-out state {study.state}, scrambled by the whole circuit and restored by the weights of step "
        f"{study.origin['step']:,}. Haar states have {page_value:.4f} bits across the cut of {half} | "
        f"{n_qubits - half} qubits on average.",
        "Circuits without noise leave a pure state pure: a purity of 1 says only that nothing was measured.",
    ]
    if study.portraits[0].wigner is not None:
        mean, spread = haar_negative_share(n_qubits)
        told.append(f"Of 200 Haar states {mean:.1%} ± {spread:.1%} (standard deviation) of the points are negative.")
    return " ".join(told)


def _stage_note(study: RunStudy) -> str:
    return (
        f"Fidelities of the batches trained on, logged every {study.experiment.log_every:,} steps; Haar states score "
        f"{study.floor:.4f}. Gains count from the first logged step of a stage."
    )


def _snapshot_note(snapshots: Sequence[Snapshot]) -> str:
    train, held_out = snapshots[0].train, snapshots[0].held_out
    return (
        f"Means over {train.n_states:,} training and {held_out.n_states:,} held-out states, ± standard error; where a "
        "training draws fresh states in every step (the objective undo), it has seen neither. "
        "Magnitudes: (Σ|φ||ψ|)², the fidelity if all phases were right. Haar states in place of the restored ones "
        f"would score a fidelity of {held_out.fidelity.floor:.4f} on average, and magnitudes of "
        f"{train.magnitudes.floor:.4f} (train) and {held_out.magnitudes.floor:.4f} (held-out), exactly."
    )


def _overlap(overlap: Overlap) -> str:
    return f"{overlap.mean:.4f} ± {overlap.error:.4f}"


def _weights(portrait: Portrait) -> str:
    shown = " ".join(f"{value:.3f}" for value in portrait.spectrum[:MOST_WEIGHTS].tolist())
    return shown if len(portrait.spectrum) <= MOST_WEIGHTS else f"{shown} …"


def _percent(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4f}"
