"""Scores of runs on quantum states: their samples against held-out states, and what they restore of noised ones."""

import torch
from torch import Tensor

from qdiffusion.diffusion.scrambling import Scrambling
from qdiffusion.diffusion.system import System
from qdiffusion.metrics.densities import score_densities
from qdiffusion.metrics.mixed import score_mixed_samples
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.states import class_fidelity, denoising_scores, state_scores, transported
from qdiffusion.metrics.subject import Subject
from qdiffusion.metrics.undone import scrambled, undone
from qdiffusion.states import average_gate_fidelity

MOST_AMPLITUDES = 1 << 12
"""A gate of 12 qubits is a matrix of 268 MB."""


def score_states(subject: Subject) -> Scores:
    """Distances of `count` drawn states from the held-out ones, pure or mixed; with classes, whether each state is like
    the class that it was asked to be of."""
    train, test, (drawn, labels) = subject.data.load("train"), subject.data.load("test"), subject.samples()
    if drawn.ndim == 3:
        return score_mixed_samples(drawn, train, test)
    rows = state_scores(drawn, test.items, train.items, torch.Generator().manual_seed(subject.seed))
    if labels is not None and test.labels is not None:
        rows.append(class_fidelity(drawn, labels, test.items, test.labels))
    conditions = (
        f"{len(drawn):,} samples against {len(test):,} held-out states: {test.source}.",
        f"Floor: the {len(train):,} training states against the same held-out ones; Haar: as many random states as "
        "samples.",
        f"Wasserstein: of the first {transported(drawn, test.items, train.items):,} states of each set, and of as many "
        "Haar states, drawn once; of fewer it is higher by chance alone.",
    )
    details = {"n_samples": len(drawn), "n_reference": len(test), "reference": test.source}
    return Scores("States against held-out states", tuple(rows), conditions, details)


def score_denoising(subject: Subject) -> Scores:
    """Mean fidelities of restored states with clean ones: the training's, and `count` held-out ones; where all states
    share a scrambling circuit that unitaries of at most 12 qubits undo, also the average gate fidelity. Of density
    matrices those of `score_densities`."""
    system = subject.system()
    if system.codec.space.kind == "densities":
        return score_densities(subject, system)
    generator = torch.Generator().manual_seed(subject.seed)
    train, test = subject.data.load("train"), subject.data.load("test")
    held_out = test.items[: subject.count]
    rows = [
        *_restored(system, train.items.to(subject.device), "train", generator),
        *_restored(system, held_out.to(subject.device), "held-out", generator),
    ]
    conditions = [
        f"Fidelity of restored states with the clean ones, ± standard deviation over states: {train.source}; "
        f"{test.source}.",
        "Haar: what a random state scores on average, 2⁻ⁿ; untouched: what the noised states score as they are.",
    ]
    if _is_gate(system):
        rows.append(_gate_fidelity(system, subject.device))
        conditions.append("Gate fidelity: the mean fidelity over all states, (|tr W|²/d + 1)/(d + 1).")
    details = {"n_train": len(train), "n_held_out": len(held_out)}
    return Scores("Restored states", tuple(rows), tuple(conditions), details)


@torch.no_grad()
def _restored(system: System, items: Tensor, kind: str, generator: torch.Generator) -> list[Row]:
    """The scores of items (N, …) on the system's device, noised and restored: from the last level on where all states
    share a circuit, else from levels drawn by `generator`."""
    x0, process = system.codec.encode(items), system.process
    if _is_shared(process):
        x = scrambled(system, x0)
        return denoising_scores(undone(system, x), x0, kind, x)
    noised = process.noised(x0, process.levels(len(x0), generator), generator)
    restored = system.denoiser(noised.x, noised.t, return_dict=False)[0]
    return denoising_scores(restored, process.target(noised), kind, noised.x)


def _is_shared(process: object) -> bool:
    return isinstance(process, Scrambling) and process.shared is not None


def _is_gate(system: System) -> bool:
    """Whether circuit and undoing are one matrix, small enough to be made."""
    unitary = getattr(system.denoiser, "is_unitary", False)
    return _is_shared(system.process) and unitary and system.codec.space.shape[0] <= MOST_AMPLITUDES


@torch.no_grad()
def _gate_fidelity(system: System, device: torch.device) -> Row:
    """Of the whole circuit and its undoing; beside it, of the circuit alone."""
    d = system.codec.space.shape[0]
    basis = torch.eye(d, dtype=torch.complex128, device=device)
    rows = scrambled(system, basis)
    # Rows are W|x⟩: their matrix is Wᵀ, as far from the identity as W.
    restored, untouched = (average_gate_fidelity(basis, each).item() for each in (undone(system, rows), rows))
    return Row("gate-fidelity", restored, beside={"Haar": 1 / d, "untouched": untouched}, better="higher")
