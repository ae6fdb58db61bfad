"""Infidelity of denoised amplitudes, level by level, beside what costs nothing."""

import math

import torch
from jaxtyping import Complex, Float64
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.subject import Subject
from qdiffusion.states import fidelity
from qdiffusion.states.haar import normalised

ANGLES = 1001
"""Mixes that are tried."""
MOST = 1000
"""Held-out items that are denoised."""


def score_infidelities(subject: Subject) -> Scores:
    """Mean of 1 - F at each level of at most 1,000 held-out items, ± its standard deviation over items; and of all.

    Beside stand the identity map, which leaves x_t as it is, and the best mix cos(θ) x_t + sin(θ) m, normalised, with
    the mean m of the training items, normalised: one θ for each level, chosen for the held-out items themselves.
    """
    system, device = subject.system(), subject.device
    train, test = subject.data.load("train"), subject.data.load("test")
    count = min(MOST, len(test))
    mean = normalised(system.codec.encode(train.items.to(device)).mean(0))
    labels = None if test.labels is None or not system.denoiser.n_classes else test.labels[:count].to(device)
    x0 = system.codec.encode(test.items[:count].to(device))
    levels = [_at(system, x0, labels, t, mean, subject.seed) for t in range(system.process.timesteps)]
    told = torch.stack([each.mean(1) for each in levels])
    stds = [each[0].std(correction=0).item() for each in levels]
    rows = [_row(f"infidelity-t{t}", values, std) for t, (values, std) in enumerate(zip(told, stds, strict=True))]
    conditions = (
        f"Infidelity 1 - |⟨target|denoised⟩|² of {count:,} held-out items, ± standard deviation over items: "
        f"{test.source}.",
        "Identity: x_t left as it is; mix: the best mix of x_t with the mean of the training items at each level.",
    )
    return Scores("Denoised states", (_row("infidelity", told.mean(0), None), *rows), conditions, {"n_held_out": count})


def _row(name: str, values: Float64[Tensor, " 3"], std: float | None) -> Row:
    denoised, identity, mix = values.tolist()
    return Row(name, denoised, std, {"identity": identity, "mix": mix})


@torch.no_grad()
def _at(
    system: System,
    x0: Complex[Tensor, "n d"],
    labels: Tensor | None,
    level: int,
    mean: Complex[Tensor, " d"],
    seed: int,
) -> Float64[Tensor, "3 n"]:
    """Infidelities of what the denoiser says, of the identity and of the best mix."""
    t = torch.full((len(x0),), level, device=x0.device)
    noised = system.process.noised(x0, t, torch.Generator().manual_seed(seed))
    target = system.process.target(noised)
    denoised = system.denoiser(noised.x, t, labels, return_dict=False)[0]
    free = fidelity(target, noised.x)
    fidelities = torch.stack([fidelity(target, denoised), free, best_mix(target, noised.x, mean)])
    return 1 - fidelities.double().cpu()


def best_mix(
    target: Complex[Tensor, "n d"], x: Complex[Tensor, "n d"], mean: Complex[Tensor, " d"]
) -> Float64[Tensor, " n"]:
    """Fidelities (N,) with `target` of cos(θ) x + sin(θ) mean, normalised, at the θ in [0, π/2] of the highest mean.

    |c ⟨y|x⟩ + s ⟨y|m⟩|² / (1 + 2 c s Re⟨x|m⟩), all of norm 1.
    """
    theta = torch.linspace(0, math.pi / 2, ANGLES, dtype=torch.float64, device=x.device)[:, None]
    c, s = theta.cos(), theta.sin()
    with_x, with_mean = ((target.conj() * each).sum(1).to(torch.complex128) for each in (x, mean))
    norms = 1 + 2 * c * s * (x.conj() * mean).sum(1).real.double()
    fidelities = (c * with_x + s * with_mean).abs().square() / norms
    return fidelities[fidelities.mean(1).argmax()]
