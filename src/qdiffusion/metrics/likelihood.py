"""How many bits a run's model needs to tell a held-out item: its variational bound, or the likelihood of its SDE."""

from typing import Any

import torch
from torch import Tensor

from qdiffusion.data import ItemSet
from qdiffusion.diffusion.bound import check_discrete, variational_bound
from qdiffusion.diffusion.config import Variance
from qdiffusion.diffusion.likelihood import Bins, bits_per_dimension, dequantised, log_likelihood
from qdiffusion.diffusion.sde import SDE
from qdiffusion.diffusion.system import Codec, System
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.subject import Subject

BATCH = 64
UNIFORM = 8.0
"""Bits that tell one of 256 values."""


def score_likelihood(subject: Subject, variance: Variance, probes: int) -> Scores:
    """Bits per dimension of `count` held-out items: "bits-per-dim", and of a bound its three parts.

    Raises:
        UsageError: noise that is not Gaussian.
        RunError: the probability-flow ODE cannot be solved.
    """
    system = subject.system()
    test = subject.data.load("test")
    bins = bins_of(system.codec)
    if isinstance(system.process, SDE):
        subject.say(f"Following the probability-flow ODE of {min(subject.count, len(test)):,} held-out items.")
        return _by_flow(system, test, subject, bins, probes)
    levels = check_discrete(system.process).timesteps
    subject.say(f"Bounding {min(subject.count, len(test)):,} held-out items at {levels:,} noise levels.")
    return _by_bound(system, test, subject, bins, variance)


def bins_of(codec: Codec) -> Bins | None:
    """The floats of a black and of a white image, and 254 between; None where diffusion sees no images."""
    if codec.space.kind != "images":
        return None
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, *codec.space.shape)
    low, high = codec.encode(ends).flatten(1)[:, 0].tolist()
    return Bins(low, high, 256)


def _by_bound(system: System, test: ItemSet, subject: Subject, bins: Bins | None, variance: Variance) -> Scores:
    generator = torch.Generator().manual_seed(subject.seed)
    terms = [
        variational_bound(system, x, generator, variance, bins, labels, clip=bins is not None).by_level
        for x, labels in _batches(system, test, subject)
    ]
    bits = bits_per_dimension(torch.cat(terms, dim=1), _dimensions(system))
    parts = {"data": bits[0], "steps": bits[1:-1].sum(dim=0), "prior": bits[-1]}
    rows = [_row("bits-per-dim", bits.sum(dim=0), _beside(bins)), *(_row(name, part) for name, part in parts.items())]
    conditions = (
        *_conditions(test, bits.shape[1], bins),
        f"Variational bound, at most so many bits, over {bits.shape[0] - 1:,} levels, each step's variance {variance}: "
        "data is the last step, to the item (L₀), steps are all others, prior is what the last level tells (L_T).",
    )
    details = {**_details(test, bits.shape[1]), "variance": variance, "by_level": bits.mean(dim=1).tolist()}
    return Scores("Variational bound of held-out items", tuple(rows), conditions, details)


def _by_flow(system: System, test: ItemSet, subject: Subject, bins: Bins | None, probes: int) -> Scores:
    generator = torch.Generator().manual_seed(subject.seed)
    nats = [
        -log_likelihood(system, x if bins is None else dequantised(x, bins, generator), labels, probes, generator)
        for x, labels in _batches(system, test, subject)
    ]
    bits = bits_per_dimension(torch.cat(nats), _dimensions(system))
    if bins is not None:
        bits = bits - torch.tensor(bins.width).log2()
    how = "exactly" if probes == 0 else f"by Hutchinson's estimate from {probes} random directions"
    conditions = (
        *_conditions(test, len(bits), bins),
        f"Likelihood by the probability-flow ODE from t = {system.process.t_min:g} on, its divergence {how}.",
    )
    details = {**_details(test, len(bits)), "probes": probes, "t_min": system.process.t_min}
    row = _row("bits-per-dim", bits, _beside(bins))
    return Scores("Likelihood of held-out items", (row,), conditions, details)


def _batches(system: System, test: ItemSet, subject: Subject) -> list[tuple[Tensor, Tensor | None]]:
    """The first `count` items as diffusion sees them, with labels where the denoiser takes any."""
    count, device = subject.count, subject.device
    with torch.no_grad():
        seen = [system.codec.encode(part.to(device)) for part in test.items[:count].split(BATCH)]
    if test.labels is None or not system.denoiser.n_classes:
        return [(x, None) for x in seen]
    return list(zip(seen, test.labels[:count].to(device).split(BATCH), strict=True))


def _dimensions(system: System) -> int:
    return torch.Size(system.codec.space.shape).numel()


def _row(name: str, bits: Tensor, beside: dict[str, float | None] | None = None) -> Row:
    return Row(name, bits.mean().item(), bits.std(correction=0).item(), beside or {})


def _beside(bins: Bins | None) -> dict[str, float | None]:
    return {} if bins is None else {"uniform": UNIFORM}


def _conditions(test: ItemSet, count: int, bins: Bins | None) -> tuple[str, str]:
    seen = (
        "Of what the codec makes of the items, as a density: it may be negative."
        if bins is None
        else "Of pixel values 0 … 255 as probabilities; uniform: what equal probabilities need."
    )
    return f"{count:,} held-out items, ± standard deviation over items: {test.source}.", seen


def _details(test: ItemSet, count: int) -> dict[str, Any]:
    return {"n_held_out": count, "reference": test.source}
