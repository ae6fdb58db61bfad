"""Scores of quantum states: how far an ensemble lies from held-out states, and how much of states was restored.

What Haar-random states would score stands beside each, in closed form: their mean fidelity with any state is 1/d, so
that N of them have, on average, r₁₁ = 1/N + (1 - 1/N)/d and r₁₂ = 1/d (`states.mmd` has the names). For the Wasserstein
distance, which has none, they are drawn.
"""

from collections.abc import Sized

import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor

from qdiffusion.metrics.report import Row
from qdiffusion.states import fidelity, haar, magnetisation, mmd, wasserstein
from qdiffusion.states.haar import normalised

MOST_TRANSPORTED = 2000
"""States of each set that a Wasserstein distance is of: exact transport takes seconds for so many, and the time grows
faster than their square."""


def state_scores(
    generated: Complex[Tensor, "n d"],
    test: Complex[Tensor, "m d"],
    train: Complex[Tensor, "k d"],
    generator: torch.Generator,
) -> list[Row]:
    """How far generated states lie from held-out ones, their fidelity with |0…0⟩, and their magnetisation.

    Args:
        generated: (N, d) states of norm 1, N at least 2.
        test: (M, d), M at least 2, what they are compared with.
        train: (K, d), K at least 2; from `test`, these give the floor.
        generator: draws the Haar-random states of the Wasserstein distance.

    Returns:
        "mmd" (biased, as published) and "mmd-unbiased", beside the floor and N Haar-random states;
        "wasserstein", of as many states of each set (`transported`), likewise;
        "fidelity-0", the mean of |⟨0…0|ψ⟩|² with its standard deviation over states, beside the held-out states' and a
        Haar state's;
        "magnetisation", likewise, of at least two qubits: of one it is always 1.

    Raises:
        UsageError: fewer than two states in a set.
    """
    generated, test, train = (normalised(states.to(torch.complex128)) for states in (generated, test, train))
    d = test.shape[1]
    zeros, zeros_of_data = (states[:, 0].abs().square() for states in (generated, test))
    rows = [
        *_discrepancies(generated, test, train),
        _transport(generated, test, train, generator),
        _mean("fidelity-0", zeros, zeros_of_data, 1 / d),
    ]
    if d > 2:
        even = test.new_full((d,), d**-0.5)
        orders = (magnetisation(generated), magnetisation(test), magnetisation(even).item())
        rows.append(_mean("magnetisation", *orders))
    return rows


def _discrepancies(generated: Tensor, test: Tensor, train: Tensor) -> list[Row]:
    itself, among, across = 1 / len(generated), _overlaps(test), 1 / test.shape[1]
    chance = {
        False: itself + (1 - itself) * across + among[False] - 2 * across,
        True: across + among[True] - 2 * across,
    }
    return [
        Row(
            name,
            mmd(generated, test, unbiased=unbiased).item(),
            beside={"floor": mmd(train, test, unbiased=unbiased).item(), "Haar": chance[unbiased]},
        )
        for name, unbiased in (("mmd", False), ("mmd-unbiased", True))
    ]


def transported(*sets: Sized) -> int:
    """How many states of each set a Wasserstein distance is of: as many as the smallest has, at most 2,000.

    One size, since by chance alone it is higher for fewer.
    """
    return min(MOST_TRANSPORTED, *map(len, sets))


def _transport(generated: Tensor, test: Tensor, train: Tensor, generator: torch.Generator) -> Row:
    n = transported(generated, test, train)
    random = haar(n, test.shape[1].bit_length() - 1, generator).to(test)
    value, floor, chance = (wasserstein(states[:n], test[:n]).item() for states in (generated, train, random))
    return Row("wasserstein", value, beside={"floor": floor, "Haar": chance})


def _mean(name: str, values: Float[Tensor, " n"], data: Float[Tensor, " m"], chance: float) -> Row:
    beside = {"data": data.mean().item(), "Haar": chance}
    return Row(name, values.mean().item(), values.std().item(), beside, better="higher")


def class_fidelity(
    generated: Complex[Tensor, "n d"],
    labels: Int64[Tensor, " n"],
    test: Complex[Tensor, "m d"],
    test_labels: Int64[Tensor, " m"],
) -> Row:
    """ "fidelity-class": the mean fidelity of a generated state with held-out ones of the class that it was to be of,
    ⟨ψ|ρ_y|ψ⟩ with ρ_y their mean state, beside the held-out states' own and a Haar state's."""
    generated, test = (normalised(states.to(torch.complex128)) for states in (generated, test))
    values, data = torch.empty(len(generated)), torch.empty(len(test))
    for each in labels.unique():
        theirs = test[test_labels == each]
        mean = theirs.mT @ theirs.conj() / len(theirs)
        for kept, states, known in ((values, generated, labels), (data, test, test_labels)):
            asked = states[known == each]
            kept[known == each] = torch.einsum("ni,ij,nj->n", asked.conj(), mean, asked).real.float()
    data = data[torch.isin(test_labels, labels)]
    return _mean("fidelity-class", values, data, 1 / test.shape[1])


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
