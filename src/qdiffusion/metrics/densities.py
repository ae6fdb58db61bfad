"""Scores of denoisers of density matrices, level by level, beside what a unitary can do at most."""

import torch
from jaxtyping import Complex
from torch import Tensor

from qdiffusion.diffusion.system import System
from qdiffusion.metrics.report import Row, Scores
from qdiffusion.metrics.subject import Subject
from qdiffusion.states import purity, super_fidelity
from qdiffusion.states.haar import normalised


def score_densities(subject: Subject, system: System) -> Scores:
    """Mean super-fidelity of `count` held-out states, restored, with what the process asks for, at each level, ± its
    standard deviation over states; beside it untouched states and, where the clean ones are asked for, a unitary's cap
    α_t + (1 - α_t)/d. Then what sampling makes: its mean fidelity with the held-out states, beside the most that any
    state has with them, the largest eigenvalue of their mean; and its purity.
    """
    test, samples = subject.data.load("test"), subject.samples().items
    # In double precision: where a purity of 1 is off by 1e-7, the super-fidelity is by 1e-4.
    states = normalised(test.items.to(subject.device, torch.complex128))
    held_out, generated = system.codec.encode(states[: subject.count]), samples.to(states.device, states.dtype)
    cap = system.process.cap(states.shape[1]).tolist() if system.process.prediction == "clean" else None
    rows = [_at(system, held_out, t, None if cap is None else cap[t]) for t in range(system.process.timesteps)]
    rows += _sampled(generated, states.mT @ states.conj() / len(states))
    conditions = (
        f"Super-fidelity of restored states with those asked for, {len(held_out):,} held-out ones, ± standard "
        f"deviation over states: {test.source}.",
        "Untouched: what the noised states score as they are"
        + ("." if cap is None else "; unitary: what no unitary denoiser exceeds."),
        f"Samples: mean fidelity with {len(test):,} held-out states, beside the best of any state, that of their mean "
        "state, and of 1/d.",
    )
    return Scores(
        "Density matrices", tuple(rows), conditions, {"n_held_out": len(held_out), "n_samples": len(generated)}
    )


def _sampled(generated: Complex[Tensor, "n d d"], mean: Complex[Tensor, "d d"]) -> list[Row]:
    """Mean fidelity of density matrices with pure states of this mean, tr ρ mean, and mean purity tr ρ²."""
    beside: dict[str, float | None] = {"mean state": purity(mean).item(), "mixed": 1 / len(mean)}
    best: dict[str, float | None] = {"best": torch.linalg.eigvalsh(mean)[-1].item(), **beside}
    overlaps = (generated.conj() * mean).sum((-1, -2)).real
    return [
        Row("fidelity-samples", overlaps.mean().item(), None, best, "higher"),
        Row("purity-samples", purity(generated).mean().item(), None, beside, "higher"),
    ]


@torch.no_grad()
def _at(system: System, x0: Complex[Tensor, "n d d"], level: int, cap: float | None) -> Row:
    """The row of a level of density matrices (N, d, d)."""
    t = torch.full((len(x0),), level, device=x0.device)
    noised = system.process.noised(x0, t, torch.Generator())
    target = system.process.target(noised)
    restored = system.denoiser(noised.x, t, return_dict=False)[0]
    fidelities, untouched = super_fidelity(target, restored), super_fidelity(target, noised.x)
    beside: dict[str, float | None] = {"untouched": untouched.mean().item(), "unitary": cap}
    std = fidelities.std(correction=0).item()
    return Row(f"fidelity-t{level}", fidelities.mean().item(), std, beside, better="higher")
