"""Scores of quantum states: how far an ensemble lies from held-out states, and how much of states was restored.

What Haar-random states would score stands beside each, in closed form: their mean fidelity with any state is 1/d, so
that N of them have, on average, r₁₁ = 1/N + (1 - 1/N)/d and r₁₂ = 1/d (`states.mmd` has the names).
"""

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.metrics.report import Row
from qdiffusion.states import fidelity, mmd
from qdiffusion.states.haar import normalised


def state_scores(
    generated: Complex[Tensor, "n d"], test: Complex[Tensor, "m d"], train: Complex[Tensor, "k d"]
) -> list[Row]:
    """The fidelity-kernel MMD of generated states from held-out ones, and their fidelity with |0…0⟩.

    Args:
        generated: (N, d) states of norm 1, N at least 2.
        test: (M, d), M at least 2, what they are compared with.
        train: (K, d), K at least 2; from `test`, these give the floor.

    Returns:
        "mmd" (biased, as published) and "mmd-unbiased", beside the floor and N Haar-random states; "fidelity-0", the
        mean of |⟨0…0|ψ⟩|² with its standard deviation over states, beside the held-out states' and a Haar state's.

    Raises:
        UsageError: fewer than two states in a set.
    """
    generated, test, train = (states.to(torch.complex128) for states in (generated, test, train))
    d, itself, among = test.shape[1], 1 / len(generated), _overlaps(test)
    across = 1 / d
    haar = {
        False: itself + (1 - itself) * across + among[False] - 2 * across,
        True: across + among[True] - 2 * across,
    }
    rows = [
        Row(
            name,
            mmd(generated, test, unbiased=unbiased).item(),
            beside={"floor": mmd(train, test, unbiased=unbiased).item(), "Haar": haar[unbiased]},
        )
        for name, unbiased in (("mmd", False), ("mmd-unbiased", True))
    ]
    zero = generated[:, 0].abs().square()
    beside = {"data": test[:, 0].abs().square().mean().item(), "Haar": 1 / d}
    return [*rows, Row("fidelity-0", zero.mean().item(), zero.std().item(), beside, better="higher")]


def denoising_scores(
    denoised: Complex[Tensor, "n d"],
    clean: Complex[Tensor, "n d"],
    kind: str,
    noised: Complex[Tensor, "n d"] | None = None,
) -> list[Row]:
    """The mean fidelity of restored states with the clean ones, its standard deviation over states.

    Args:
        denoised, clean: (N, d) states of norm 1, pair by pair.
        kind: which states these are ("train"); part of the row's name.
        noised: (N, d), what was restored: its own fidelity then stands beside, as "untouched".

    Returns:
        "fidelity-KIND", beside 1/d, what a Haar-random state scores.
    """
    # Normalised once more: a norm that is 1 in float32 alone may give fidelities above 1.
    clean, denoised = (normalised(states.to(torch.complex128)) for states in (clean, denoised))
    values = fidelity(clean, denoised)
    beside: dict[str, float | None] = {"Haar": 1 / clean.shape[1]}
    if noised is not None:
        beside["untouched"] = fidelity(clean, normalised(noised.to(torch.complex128))).mean().item()
    std = values.std(correction=0).item()
    return [Row(f"fidelity-{kind}", values.mean().item(), std, beside, better="higher")]


def _overlaps(states: Complex[Tensor, "m d"]) -> dict[bool, float]:
    """r₂₂ of one set: with the pairs of a state with itself (False), and without (True)."""
    count = len(states)
    mean = states.mT @ states.conj() / count
    biased = mean.abs().square().sum().item()
    return {False: biased, True: (biased * count - 1) / (count - 1) if count > 1 else 1.0}
