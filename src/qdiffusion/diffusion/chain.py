"""Chains of circuits: trained one after another from the noisiest level on, and sampled.

Round r trains step t = T-1-r alone. Its inputs are Haar states sent through the steps trained before, its targets the
data at the level before t (t = 0: the data themselves); the loss is a distance between the two sets.

The ancillas' outcomes are all kept, with their probabilities: gradients through one drawn outcome would lack the term
of the outcome's own probability.

Source: Zhang et al. 2024 (arXiv 2310.05866), section "Training strategy".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.diffusion.guidance import guided_states
from qdiffusion.diffusion.reverse import ReverseProcess
from qdiffusion.diffusion.system import Batch, Draw, MeasuredDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.states import in_phase, mmd


@dataclass(frozen=True)
class ChainObjective:
    """One step of a chain: the distance of its outputs, with all outcomes, from the data at the level before."""

    timesteps: int
    """T, the steps of the chain and the noise levels of the process."""
    level: int
    """t, the step that is trained."""
    inputs: int | None = None
    """States that it is trained on; None: as many as a batch has."""
    distance: Callable[..., Float[Tensor, ""]] = mmd
    """Of branches (N, B, 2^n) from targets (M, 2^n), `first_probabilities` (N, B) by name."""

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
        """The distance; nothing else to log."""
        states, probabilities = system.denoiser.branches(draw["inputs"], self.level)
        return self.distance(states, draw["targets"], first_probabilities=probabilities), {}


@dataclass(frozen=True)
class ChainSampler(ReverseProcess):
    """The prior's states through the denoiser, level by level."""

    timesteps: int
    """T, the noise levels of the process."""
    stochastic: bool = False
    """Add to the state of each step but the last the noise that `process.kicked` knows of."""
    in_phase: bool = False
    """Turn each step's state by the phase that puts it in phase with the one before: a denoiser trained by fidelities
    says its states up to such a phase, but was shown noised states in phase with the data, and a network that is no
    unitary is lost on others."""
    renoise: bool = False
    """Noise what each step but the last says to the level below: of denoisers that say the clean state."""
    guidance: float = 1.0
    """Weight g of the labels, see `guidance.guided_states`."""

    @property
    def levels(self) -> tuple[int, ...]:
        """T-1 … 0."""
        return tuple(range(self.timesteps - 1, -1, -1))

    def path(self, system: System, count: int, generator: torch.Generator, labels: Tensor | None) -> Iterator[Tensor]:
        """States (N, 2^n), or density matrices (N, 2^n, 2^n): the prior's, then what the denoiser says at each level,
        its outcomes drawn."""
        x = system.process.prior((count, *system.codec.space.shape), generator)
        shown = None if labels is None else labels.to(x.device)
        yield x
        for t in self.levels:
            before, x = x, guided_states(system.denoiser, x, t, shown, self.guidance, generator)
            if self.in_phase:
                x = in_phase(x, before)
            if self.renoise and t:
                x = system.process.noised(x, torch.full((count,), t - 1, device=x.device), generator).x
            if self.stochastic and t:
                x = system.process.kicked(x, torch.full((count,), t, device=x.device), generator)
            yield x
