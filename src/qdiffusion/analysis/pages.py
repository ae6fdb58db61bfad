"""What an analysis leaves behind: tables in Markdown and CSV, with the conditions, and one figure."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from qdiffusion.analysis.ansatze import AnsatzScore, AnsatzStudy
from qdiffusion.analysis.encodings import EncodingCost
from qdiffusion.analysis.figures import ansatz_figure, encoding_figure
from qdiffusion.analysis.published import Reported, reported
from qdiffusion.plots.axes import save_figure
from qdiffusion.plots.markdown import markdown_table
from qdiffusion.runs.files import told_as_run_error, write_text_atomic
from qdiffusion.training.environment import environment

MISSING = "–"
Rows = tuple[list[str], list[list[str]]]
"""A table: its head, and its rows."""
_REPORTED = (
    "QAMP 2025 states neither pairs nor bins nor errors of its numbers; its KL of conv-phase is what Haar states score "
    "with about 10,000 pairs and 75 bins.",
)
_ENCODINGS = ("Encoding", "Gates", "Qubits", "Depth", "On one", "On two", "Numbers per qubit")


def ansatz_rows(study: AnsatzStudy) -> Rows:
    """Head and rows: every ansatz, with what QAMP reports under the same wires and layers, and Haar states last."""
    head = ["Ansatz", "Start", "Angles", "Depth", "Entangling", "KL (nats)", "Q"]
    found = reported(study.n_wires, study.n_layers)
    rows = [_ansatz_row(score, found) for score in study.scores]
    haar = ["Haar states", *[MISSING] * 4, f"{study.floor:.4f}", f"{study.haar_entangling:.4f}"]
    if not found:
        return head, [*rows, haar]
    return [*head, "KL (QAMP)", "Q (QAMP)"], [*rows, [*haar, MISSING, MISSING]]


def ansatz_notes(study: AnsatzStudy) -> list[str]:
    """Sentences: how the table is read."""
    return [
        f"{study.n_wires} wires, {study.n_layers} layers; {study.n_samples:,} pairs of states of each ansatz, all "
        "angles from U(0, 2π). Entangling counts gates on two or more wires. ± is one standard error: of KL by "
        "resampling the pairs, of Q (all states of the pairs) by their spread.",
        "KL: divergence of the histogram of the pairs' fidelities, "
        f"{study.n_bins} bins of equal width, from the Haar law (N - 1)(1 - F)^(N - 2) (Sim et al. 2019).",
        "The KL of a finite sample is biased upwards, by about (bins reached - 1) / (2 · pairs): Haar states "
        f"themselves score {study.floor:.4f} in the mean with so many pairs. What lies within its error of that cannot "
        "be told from Haar-random, and two such ansätze not from each other.",
        f"Q: Meyer-Wallach measure; Haar states have the mean (2^n - 2) / (2^n + 1) = {study.haar_entangling:.4f}.",
        "hqconv and fqconv have controlled gates alone, which leave |0…0⟩ as it is: they start from |+…+⟩. conv-grover "
        "commutes with X on all wires, which keeps it from most states where it starts from |0…0⟩.",
        *_REPORTED[: bool(reported(study.n_wires, study.n_layers))],
    ]


def write_ansatz_study(out: Path, study: AnsatzStudy, command: str) -> None:
    """Write `ansatz.md`, `ansatz.csv` (all digits) and `ansatz.png`, each whole or not at all.

    command: what makes the study again, written into the conditions.

    Raises:
        RunError: a file cannot be written.
    """
    head, rows = ansatz_rows(study)
    conditions = {"command": command, "seed": study.seed, **environment()}
    make_folder(out)
    title = "Ansätze: expressibility and entangling capability"
    parts = [markdown_table(head, rows), *ansatz_notes(study)]
    write_text_atomic(out / "ansatz.md", page(title, parts, conditions))
    write_text_atomic(out / "ansatz.csv", _csv(study))
    save_figure(ansatz_figure(study), out / "ansatz.png")


def encoding_rows(costs: Sequence[EncodingCost]) -> Rows:
    """Head and rows."""
    rows = [
        [
            cost.name,
            cost.gates,
            *(f"{value:,}" for value in (cost.n_qubits, cost.depth, cost.n_one, cost.n_two)),
            f"{cost.features_per_qubit:.4g}",
        ]
        for cost in costs
    ]
    return list(_ENCODINGS), rows


def encoding_notes(costs: Sequence[EncodingCost]) -> list[str]:
    """Sentences: how the table is read."""
    return [
        f"To encode {costs[0].n_features:,} real numbers once, gate by gate as the library writes it; depth counts "
        "layers of gates on distinct wires; then the gates on one qubit and on two. Angles are computed beforehand.",
        "Amplitudes are priced as uniformly controlled rotations (Möttönen et al. 2004) and lose the vector's norm, "
        "complex ones, of two numbers each, a phase besides; a simulation prepares them in one operation. "
        "IQP's pairs may be ordered into fewer layers. Re-uploading counts its entangling layers.",
    ]


def write_encoding_costs(
    out: Path, costs: Sequence[EncodingCost], curves: Mapping[int, Sequence[EncodingCost]], command: str
) -> None:
    """Write `encodings.md` of the costs and `encodings.png` of the curves, costs by the number of features.

    Raises:
        RunError: a file cannot be written.
    """
    head, rows = encoding_rows(costs)
    make_folder(out)
    conditions = {"command": command, "qdiffusion": environment()["qdiffusion"]}
    parts = [markdown_table(head, rows), *encoding_notes(costs)]
    write_text_atomic(out / "encodings.md", page("Encodings: what each costs", parts, conditions))
    save_figure(encoding_figure(curves), out / "encodings.png")


def rich_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The table for a terminal."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for name, values in zip(head, zip(*rows, strict=True), strict=True):
        is_number = any(value[0].isdigit() for value in values)
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def page(title: str, parts: Sequence[str], conditions: Mapping[str, Any]) -> str:
    """Parts in Markdown under a title, and the conditions as a table at the end."""
    facts = ([name, str(value)] for name, value in conditions.items())
    return "\n\n".join([f"# {title}", *parts, "## Conditions", markdown_table(["Condition", "Value"], facts)]) + "\n"


def make_folder(out: Path) -> None:
    """Make the folder and those above it; raises RunError where that cannot be."""
    with told_as_run_error(out):
        out.mkdir(parents=True, exist_ok=True)


def _ansatz_row(score: AnsatzScore, found: Mapping[str, Reported]) -> list[str]:
    sizes = (score.n_weights, score.depth, score.n_entangling)
    row = [
        score.name,
        score.start,
        *(f"{size:,}" for size in sizes),
        f"{score.divergence:.4f} ± {score.divergence_error:.4f}",
        f"{score.entangling:.4f} ± {score.entangling_error:.4f}",
    ]
    if not found:
        return row
    theirs = found.get(score.name)
    return [*row, theirs.divergence_text if theirs else MISSING, f"{theirs.entangling:g}" if theirs else MISSING]


def _csv(study: AnsatzStudy) -> str:
    conditions = asdict(study)
    rows = [{**score, **conditions} for score in conditions.pop("scores")]
    text = StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
