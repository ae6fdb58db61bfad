"""What a classifier says of samples: how sure it is of each, and how often it finds which class; all from its logits.

The classes are the network's own, all of them, also where the data hold a few or number them anew: samples and real
images are both seen through the network, so that its errors weigh on both sides alike.
"""

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from qdiffusion.metrics.report import Row

CONFIDENT = 0.9
"""The probability above which a sample counts as one that the network is sure of."""


def class_rows(
    network: str,
    samples: Float64[Tensor, "n k"],
    real: Float64[Tensor, "m k"],
    halves: tuple[Float64[Tensor, "half k"], Float64[Tensor, "half k"]],
) -> list[Row]:
    """The scores of a classifier, beside those of real images.

    Args:
        network: its name, part of the rows' names.
        samples, real: float64 (N, K) and (M, K), logits of the samples and of the reference images.
        halves: logits of two disjoint parts of the reference, for the floor.

    Returns:
        "confidence", the mean of the largest class probability, and "confident", the share of samples where it exceeds
        0.9, over all K classes, whichever the data have; beside, as "real", the same of the reference. "balance", the
        total variation between the class frequencies of samples and reference; beside the floor, that of the halves,
        and as "real" what N images drawn from the reference would score on average.
    """
    found, expected, first, second = map(class_frequencies, (samples, real, *halves))
    sure, sure_of_real = confidence(samples), confidence(real)
    floor = {"floor": total_variation(first, second), "real": expected_variation(expected, len(samples))}
    return [
        Row(f"confidence-{network}", _mean(sure), beside={"real": _mean(sure_of_real)}, better="higher"),
        Row(
            f"confident-{network}",
            _mean(sure > CONFIDENT),
            beside={"real": _mean(sure_of_real > CONFIDENT)},
            better="higher",
        ),
        Row(f"balance-{network}", total_variation(found, expected), beside=floor),
    ]


def agreement_row(
    network: str,
    samples: tuple[Float64[Tensor, "n k"], Int64[Tensor, " n"]],
    real: tuple[Float64[Tensor, "m k"], Int64[Tensor, " m"]],
) -> Row:
    """ "agreement": how many samples are found to be of the class asked for; beside, as "real", of reference images.

    Args:
        network: its name, part of the row's.
        samples, real: logits (N, K) and (M, K), and the numbers (N,) and (M,) of their classes among the network's.
    """
    share, of_real = (_mean(logits.argmax(dim=1) == classes) for logits, classes in (samples, real))
    return Row(f"agreement-{network}", share, beside={"real": of_real}, better="higher")


def confidence(logits: Float64[Tensor, "n k"]) -> Float64[Tensor, " n"]:
    """The largest class probability max_c softmax(logits)_c of each of (N, K) logits, float64 (N,) in [1/K, 1]."""
    return logits.softmax(dim=1).amax(dim=1)


def class_frequencies(logits: Float64[Tensor, "n k"]) -> Float64[Tensor, " k"]:
    """Which share of (N, K) logits is largest at each class, float64 (K,) of sum 1."""
    return logits.argmax(dim=1).bincount(minlength=logits.shape[1]).double() / len(logits)


def total_variation(p: Float64[Tensor, " k"], q: Float64[Tensor, " k"]) -> float:
    """½ Σ_c |p_c - q_c|, in [0, 1]: the share of samples that would have to change their class."""
    return (p - q).abs().sum().item() / 2


def expected_variation(q: Float64[Tensor, " k"], count: int) -> float:
    """The mean total variation from q of the frequencies of `count` independent draws from q.

    Class c occurs X ~ Binomial(n, q_c) times, and E |X - n q| = 2 m (1 - q) P(X = m) with m = ⌊n q⌋ + 1 (de Moivre;
    Diaconis and Zabell 1991, "Closed form summation for classical distributions").
    """
    from scipy.stats import binom

    shares = q.numpy()
    m = np.floor(count * shares) + 1
    return float((m * (1 - shares) * binom.pmf(m, count, shares)).sum()) / count


def _mean(values: Tensor) -> float:
    return values.to(torch.float64).mean().item()
