r"""How close a circuit's states come to Haar-random ones.

The fidelity F of two independent Haar states of dimension N has the density

.. math:: p(F) = (N - 1)(1 - F)^{N-2}

Expressibility is the Kullback-Leibler divergence, in nats, of a histogram of M fidelities from the mass of p in its
bins: 0 for Haar states, (N-1) ln(bins) for a circuit of a single state.

Source: Sim et al. 2019 (arXiv 1905.10876), equation 8, with 75 bins of equal width on [0, 1].
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor

RESAMPLES = 200

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Expressibility:
    """The divergence with its standard error, both in nats."""

    divergence: float
    error: float


def expressibility(
    fidelities: Float[Tensor, "*m"], size: int, n_bins: int, generator: torch.Generator
) -> Expressibility:
    """The divergence of M fidelities (M,) of independent pairs of states of dimension `size` from the Haar law.

    The error is the standard deviation over 200 sets drawn from the fidelities with replacement, by the generator.
    """
    places = (fidelities.clamp(0, 1) * n_bins).long().clamp_max(n_bins - 1)
    logs = log_haar_masses(size, n_bins)
    count = len(places)
    resampled = [
        _divergence(places[torch.randint(count, (count,), generator=generator)], logs) for _ in range(RESAMPLES)
    ]
    return Expressibility(_divergence(places, logs), float(np.std(resampled)))


def divergence_floor(size: int, n_bins: int, n_pairs: int) -> float:
    """What Haar states themselves score in the mean with that many pairs, exactly: the bias of a finite sample.

    E Σ_i (k_i/M) ln(k_i / (M q_i)) with k_i ~ Binomial(M, q_i); about (bins that are reached - 1) / (2M).
    """
    logs = log_haar_masses(size, n_bins)
    counts = np.arange(1, n_pairs + 1)
    terms = counts / n_pairs * np.log(counts / n_pairs)
    # Σ_i q_i ln q_i comes from E k_i = M q_i.
    masses = np.exp(logs)
    reached = masses > 1e-12 / n_pairs
    found = sum(float(terms @ binom.pmf(counts, n_pairs, mass)) for mass in masses[reached])
    return found - float(masses[reached] @ logs[reached])


def log_haar_masses(size: int, n_bins: int) -> Numbers:
    """ln ∫ p over each of the bins of equal width: ln((1 - a)^(N-1) - (1 - b)^(N-1)), finite however small it is."""
    edges = np.arange(n_bins + 1) / n_bins
    with np.errstate(divide="ignore"):
        ratio = (size - 1) * (np.log1p(-edges[1:]) - np.log1p(-edges[:-1]))
    return (size - 1) * np.log1p(-edges[:-1]) + np.log(-np.expm1(ratio))


def _divergence(places: Tensor, logs: Numbers) -> float:
    shares = torch.bincount(places, minlength=len(logs)).numpy() / len(places)
    found = shares > 0
    return float(shares[found] @ (np.log(shares[found]) - logs[found]))
