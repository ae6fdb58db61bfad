"""Scores of runs on quantum states: their samples against held-out states, and what they restore of noised ones."""

import torch
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.states import denoising_scores, state_scores
from qdiffusion.metrics.subject import Subject


def score_states(subject: Subject) -> Scores:
    """Distances of `count` drawn states from the held-out ones."""
    train, test, drawn = subject.data.load("train"), subject.data.load("test"), subject.samples().items
    conditions = (
        f"{len(drawn):,} samples against {len(test):,} held-out states: {test.source}.",
        f"Floor: the {len(train):,} training states against the same held-out ones; Haar: random states against them.",
    )
    details = {"n_samples": len(drawn), "n_reference": len(test), "reference": test.source}
    return Scores(
        "States against held-out states", tuple(state_scores(drawn, test.items, train.items)), conditions, details
    )


def score_denoising(subject: Subject) -> Scores:
    """Mean fidelities of restored states with clean ones: the training's, and `count` held-out ones."""
    system = subject.system()
    generator = torch.Generator().manual_seed(subject.seed)
    train, test = subject.data.load("train"), subject.data.load("test")
    held_out = test.items[: subject.count]
    rows = [
        *_restored(system, train.items.to(subject.device), "train", generator),
        *_restored(system, held_out.to(subject.device), "held-out", generator),
    ]
    conditions = (
        f"Fidelity of restored states with the clean ones, ± standard deviation over states: {train.source}; "
        f"{test.source}.",
        "Haar: what a random state scores on average, 2⁻ⁿ; untouched: what the noised states score as they are.",
    )
    return Scores("Restored states", tuple(rows), conditions, {"n_train": len(train), "n_held_out": len(held_out)})


@torch.no_grad()
def _restored(system: System, items: Tensor, kind: str, generator: torch.Generator) -> list[Row]:
    """The scores of items (N, …) on the system's device, noised once at levels drawn by `generator`, and restored."""
    x0 = system.codec.encode(items)
    noised = system.process.noised(x0, system.process.levels(len(x0), generator), generator)
    restored = system.denoiser(noised.x, noised.t, return_dict=False)[0]
    return denoising_scores(restored, system.process.target(noised), kind, noised.x)
