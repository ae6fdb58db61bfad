"""Undoing noise state by state: the mean of 1 - |⟨target|denoiser(x_t, t)⟩|²."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.system import Batch, Draw, MeasuredDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.states import fidelity


@dataclass(frozen=True)
class InfidelityObjective:
    """Mean infidelity to what the forward process asks for, of states of norm 1."""

    every_level: bool = False
    """Noise each item to all levels, with equal chance, rather than to one drawn at random."""

    splittable = True
    trained = "denoiser.*"

    def check(self, system: System) -> None:
        """Raise UsageError where diffusion sees no states, or the denoiser takes one level at a time."""
        system.codec.space.expect("states", "The objective infidelity")
        if isinstance(system.denoiser, MeasuredDenoiser):
            raise UsageError(
                "The objective infidelity trains all noise levels at once, but the denoiser takes one at a time; "
                "choose the objective chain, or another model."
            )

        if system.denoiser.levels not in (1, system.process.timesteps):
            raise UsageError(
                f"The denoiser has parameters for each of {system.denoiser.levels} noise levels, and the forward "
                f"process has {system.process.timesteps}; give both the same number."
            )

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """x and target (B, L, 2^n), t (B, L), for L levels of each item; labels (B, L) for a conditional denoiser."""
        process = system.process
        with torch.no_grad():
            x0 = system.codec.encode(batch.items)
            if self.every_level:
                t = torch.arange(process.timesteps, device=x0.device).expand(len(x0), -1)
            else:
                t = process.levels(len(x0), generator)[:, None]
            seen = [x0[:, None].expand(-1, t.shape[1], -1).flatten(0, 1), t.flatten()]
            noised = process.noised(*seen, generator)
            flat = {"x": noised.x, "target": process.target(noised), "t": noised.t}
        if system.denoiser.n_classes and batch.labels is not None:
            flat["labels"] = batch.labels[:, None].expand_as(t).flatten()
        return {name: each.unflatten(0, t.shape) for name, each in flat.items()}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """1 - F, and {"fidelity": F}, its mean over the batch."""
        flat = {name: each.flatten(0, 1) for name, each in draw.items()}
        denoised = system.denoiser(flat["x"], flat["t"], flat.get("labels"), return_dict=False)[0]
        mean = fidelity(flat["target"], denoised).mean()
        return 1 - mean, {"fidelity": mean.detach()}
