r"""Undoing noise state by state: the mean of 1 - |⟨target|denoiser(x_t, t)⟩|², or 1 - G of density matrices, G their
super-fidelity, tr ρσ where one is pure.

Where the denoiser measures, what it leaves is a mixture of states, and the fidelity of the target with that is

.. math:: ⟨φ|ρ|φ⟩ = \sum_b p_b |⟨φ|ψ_b⟩|^2
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.diffusion.guidance import hidden
from qdiffusion.diffusion.outcomes import outcome_chance, outcomes_at
from qdiffusion.diffusion.system import Batch, Draw, MeasuredDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelity, super_fidelity

LEAST = 1e-6
"""Infidelity of the identity map: float32 knows no smaller ones."""


@dataclass(frozen=True)
class InfidelityObjective:
    """Mean infidelity to what the forward process asks for, of states of norm 1."""

    every_level: bool = False
    """Noise each item to all levels, with equal chance, rather than to one drawn at random."""
    outcomes: Literal["exact", "drawn"] = "exact"
    """Of a denoiser that measures: the sum over b, or one b drawn by p_b, whose gradient lacks ∂p_b: it is biased."""
    label_dropout: float = 0.1
    """Share of the labels hidden from a denoiser that can do without."""
    relative: float = 0.0
    """γ: each level's infidelity counts I^-γ, I that of the identity map there, in the mean of the batch."""

    splittable = True
    trained = "denoiser.*"

    def check(self, system: System) -> None:
        """Raise UsageError where diffusion sees neither states nor density matrices, or the denoiser's levels do not
        fit."""
        system.codec.space.expect("states", "The objective infidelity", "densities")
        check_levels(system)

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """x and target (B, L, 2^n), or (B, L, 2^n, 2^n), t (B, L), for L levels of each item; labels (B, L) for a
        conditional denoiser; chance (B, L), uniform, where outcomes are drawn; weight (B, L) where levels have some."""
        process, denoiser = system.process, system.denoiser
        with torch.no_grad():
            x0 = system.codec.encode(batch.items)
            if self.every_level:
                t = torch.arange(process.timesteps, device=x0.device).expand(len(x0), -1)
            else:
                t = process.levels(len(x0), generator)[:, None]
            seen = [x0.repeat_interleave(t.shape[1], 0), t.flatten()]
            noised = process.noised(*seen, generator)
            flat = {"x": noised.x, "target": process.target(noised), "t": noised.t}
        if denoiser.n_classes and batch.labels is not None:
            labels = batch.labels[:, None].expand_as(t).flatten()
            dropout = self.label_dropout if denoiser.null_label else 0.0
            flat["labels"] = hidden(labels, dropout, denoiser.n_classes, generator) if dropout else labels
        if self.outcomes == "drawn" and isinstance(denoiser, MeasuredDenoiser):
            flat["chance"] = outcome_chance((t.numel(),), generator, t.device)
        drawn = {name: each.unflatten(0, t.shape) for name, each in flat.items()}
        if self.relative:
            undone = 1 - likeness(drawn["target"], drawn["x"], t.ndim).mean(0)
            drawn["weight"] = undone.clamp_min(LEAST).pow(-self.relative).expand(t.shape)
        return drawn

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The mean of weight · (1 - F), weight 1 where there is none, and {"fidelity": F}, its mean over the batch."""
        flat = {name: each.flatten(0, 1) for name, each in draw.items()}
        fidelities = self._fidelities(system.denoiser, flat)
        mean = fidelities.mean()
        loss = 1 - mean if "weight" not in flat else (flat["weight"] * (1 - fidelities)).mean()
        return loss, {"fidelity": mean.detach()}

    def _fidelities(self, denoiser: Any, flat: Draw) -> Float[Tensor, " n"]:
        told = flat["x"], flat["t"], flat.get("labels")
        if not isinstance(denoiser, MeasuredDenoiser):
            return likeness(flat["target"], denoiser(*told, return_dict=False)[0])
        states, probabilities = denoiser.branches(*told)
        fidelities = fidelity(flat["target"][:, None], states)
        if "chance" not in flat:
            return (probabilities * fidelities).sum(1)
        return fidelities.gather(1, outcomes_at(probabilities, flat["chance"]))[:, 0]


def likeness(first: Complex[Tensor, "..."], second: Complex[Tensor, "..."], leading: int = 1) -> Float[Tensor, "..."]:
    """The fidelities of states (…, d), or the super-fidelities of density matrices (…, d, d), behind `leading` axes."""
    return (fidelity if first.ndim == leading + 1 else super_fidelity)(first, second)


def check_levels(system: System) -> None:
    """Raise UsageError for a denoiser with parameters for other noise levels than the process has."""
    if system.denoiser.levels not in (1, system.process.timesteps):
        raise UsageError(
            f"The denoiser has parameters for each of {system.denoiser.levels} noise levels, and the forward "
            f"process has {system.process.timesteps}; give both the same number."
        )
