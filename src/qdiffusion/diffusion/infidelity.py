"""Undoing noise state by state: the mean of 1 - |⟨target|denoiser(x_t, t)⟩|²."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.system import Batch, Draw, System
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelity


@dataclass(frozen=True)
class InfidelityObjective:
    """Mean infidelity to what the forward process asks for, of states of norm 1."""

    splittable = True
    trained = "denoiser.*"

    def check(self, system: System) -> None:
        """Raise UsageError where diffusion sees no states, or the denoiser takes one level at a time."""
        system.codec.space.expect("states", "The objective infidelity")
        if system.denoiser.levels != 1:
            raise UsageError(
                "The objective infidelity trains all noise levels at once, but the denoiser has parameters for each of "
                f"{system.denoiser.levels}; choose the objective chain, or the model unitary."
            )

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """x and target (B, 2^n), t (B,)."""
        t = system.process.levels(len(batch.items), generator)
        with torch.no_grad():
            noised = system.process.noised(system.codec.encode(batch.items), t, generator)
        return {"x": noised.x, "target": system.process.target(noised), "t": t}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """1 - F, and {"fidelity": F}, its mean over the batch."""
        denoised = system.denoiser(draw["x"], draw["t"], return_dict=False)[0]
        mean = fidelity(draw["target"], denoised).mean()
        return 1 - mean, {"fidelity": mean.detach()}
