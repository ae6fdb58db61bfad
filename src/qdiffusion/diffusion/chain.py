"""Chains of circuits: trained one after another from the noisiest level on, and sampled.

Round r trains step t = T-1-r alone. Its inputs are Haar states sent through the steps trained before, its targets the
data at the level before t (t = 0: the data themselves); the loss is the fidelity-kernel MMD between the two sets.

The expectation over the ancillas' outcomes is taken exactly: gradients through one drawn outcome would lack the term of
the outcome's own probability.

Source: Zhang et al. 2024 (arXiv 2310.05866), section "Training strategy".
"""

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qdiffusion.diffusion.system import Batch, Draw, MeasuredDenoiser, OnStep, System
from qdiffusion.errors import UsageError
from qdiffusion.states import mmd


@dataclass(frozen=True)
class ChainObjective:
    """One step of a chain: the biased MMD of its outputs, expected over outcomes, from the data at the level before."""

    timesteps: int
    """T, the steps of the chain and the noise levels of the process."""
    level: int
    """t, the step that is trained."""
    inputs: int | None = None
    """States that it is trained on; None: as many as a batch has."""

    splittable = False

    @property
    def trained(self) -> str:
        """The parameters of step t."""
        return f"denoiser.steps.{self.level}.*"

    def check(self, system: System) -> None:
        """Raise UsageError where the denoiser has not a circuit of its own for each noise level."""
        system.codec.space.expect("states", "The objective chain")
        measured = isinstance(system.denoiser, MeasuredDenoiser)
        if not measured or system.denoiser.levels != self.timesteps:
            raise UsageError(
                f"The objective chain trains a circuit for each of {self.timesteps} noise levels, one after the other, "
                f"but the denoiser has {system.denoiser.levels if measured else 'none that is measured'}; "
                f"choose the model chain with n_steps {self.timesteps}."
            )

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """inputs (`inputs` or batch_size, 2^n), and targets (N, 2^n) for all items (N, …)."""
        with torch.no_grad():
            x0 = system.codec.encode(items)
            inputs = system.process.prior((self.inputs or batch_size, *x0.shape[1:]), generator)
            for later in range(self.timesteps - 1, self.level, -1):
                inputs = system.denoiser(inputs, later, return_dict=False, generator=generator)[0]
            before = torch.full((len(x0),), self.level - 1, device=x0.device)
            targets = system.process.noised(x0, before, generator).x
        return {"inputs": inputs, "targets": targets}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """The inputs, and the targets of the batch (B, 2^n). No chance."""
        return {"inputs": kept["inputs"], "targets": kept["targets"][batch.places]}

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The MMD; nothing else to log."""
        states, probabilities = system.denoiser.branches(draw["inputs"], self.level)
        return mmd(states, draw["targets"], first_probabilities=probabilities), {}


@dataclass(frozen=True)
class ChainSampler:
    """The prior's states through the denoiser, level by level."""

    timesteps: int
    """T, the noise levels of the process."""
    stochastic: bool = False
    """Add to the state of each step but the last the noise that `process.kicked` knows of."""
    in_phase: bool = False
    """Turn each step's state by the phase that puts it in phase with the one before."""

    @property
    def levels(self) -> tuple[int, ...]:
        """T-1 … 0."""
        return tuple(range(self.timesteps - 1, -1, -1))

    @torch.no_grad()
    def __call__(
        self,
        system: System,
        count: int,
        generator: torch.Generator,
        labels: Tensor | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """States (count, 2^n): the prior, then what the denoiser says at each level, its outcomes drawn; labels
        int64 (count,) for a conditional denoiser."""
        x = system.process.prior((count, *system.codec.space.shape), generator)
        shown = None if labels is None else labels.to(x.device)
        if on_step is not None:
            on_step(0, x)
        for done, t in enumerate(self.levels, start=1):
            before, x = x, system.denoiser(x, t, shown, return_dict=False, generator=generator)[0]
            if self.in_phase:
                x = in_phase(x, before)
            if self.stochastic and t:
                x = system.process.kicked(x, torch.full((count,), t, device=x.device), generator)
            if on_step is not None:
                on_step(done, x)
        return x


def in_phase(x: Complex[Tensor, "n d"], before: Complex[Tensor, "n d"]) -> Complex[Tensor, "n d"]:
    """x e^{iφ} with ⟨before|x⟩ e^{iφ} ≥ 0, row by row; orthogonal rows stay as they are.

    A denoiser trained by fidelities says its states up to such a phase, but was shown noised states in phase with the
    data: a network that is no unitary is lost on others.
    """
    overlap = (before.conj() * x).sum(-1, keepdim=True)
    return x * torch.where(overlap == 0, 1, overlap.sgn().conj())
