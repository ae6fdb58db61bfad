"""Scores of generated density matrices: how far they lie from held-out pure states, by the super-fidelity."""

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.states import transported
from qdiffusion.states import mixed_mmd, mixed_wasserstein, projector, purity
from qdiffusion.states.haar import normalised


def score_mixed_samples(drawn: Complex[Tensor, "n d d"], train: ItemSet, test: ItemSet) -> Scores:
    """Distances of drawn density matrices (N, d, d) from held-out pure states, and what they are like."""
    n = transported(drawn, test.items, train.items)
    conditions = (
        f"{len(drawn):,} samples against {len(test):,} held-out states, by the super-fidelity: {test.source}.",
        f"Floor: the {len(train):,} training states against the same held-out ones; mixed: the maximally mixed state, "
        "where the chain begins.",
        f"Wasserstein: of the first {n:,} states of each set; of fewer it is higher by chance alone.",
    )
    details = {"n_samples": len(drawn), "n_reference": len(test), "reference": test.source}
    rows = mixed_scores(drawn, test.items, train.items)
    return Scores("Density matrices against held-out states", tuple(rows), conditions, details)


def mixed_scores(
    generated: Complex[Tensor, "n d d"], test: Complex[Tensor, "m d"], train: Complex[Tensor, "k d"]
) -> list[Row]:
    """How far generated density matrices lie from held-out pure states, their fidelity with |0…0⟩, and their purity.

    Returns:
        "mmd" and "mmd-unbiased" under the super-fidelity, and "wasserstein" at the cost 1 - G, of as many states of
        each set (`states.transported`), beside the training states and the maximally mixed state; "fidelity-0", the
        mean of ⟨0…0|ρ|0…0⟩, and "purity", the mean of tr ρ², ± standard deviation over states, beside those of the
        data and of the maximally mixed state.

    Raises:
        UsageError: fewer than two states in a set.
    """
    # In double precision: where a purity of 1 is off by 1e-7, the super-fidelity is by 1e-4.
    data, seen = (projector(normalised(states.to(torch.complex128))) for states in (test, train))
    generated = generated.to(data)
    d = test.shape[1]
    mixed = data.new_zeros(len(generated), d, d)
    mixed.diagonal(dim1=1, dim2=2).fill_(1 / d)
    n = transported(generated, data, seen)
    sets = {"": generated, "floor": seen, "mixed": mixed}
    rows = []
    for name, unbiased in (("mmd", False), ("mmd-unbiased", True)):
        values = {key: mixed_mmd(each, data, unbiased=unbiased).item() for key, each in sets.items()}
        rows.append(_row(name, values))
    rows.append(_row("wasserstein", {key: mixed_wasserstein(each[:n], data[:n]).item() for key, each in sets.items()}))
    zero, zero_of_data = (each[:, 0, 0].real for each in (generated, data))
    beside: dict[str, float | None] = {"data": zero_of_data.mean().item(), "mixed": 1 / d}
    pure = purity(generated)
    return [
        *rows,
        Row("fidelity-0", zero.mean().item(), zero.std().item(), beside, better="higher"),
        Row("purity", pure.mean().item(), pure.std().item(), {"data": 1.0, "mixed": 1 / d}, better="higher"),
    ]


def _row(name: str, values: dict[str, float]) -> Row:
    beside: dict[str, float | None] = {key: value for key, value in values.items() if key}
    return Row(name, values[""], beside=beside)
