"""Chains of circuits, trained level by level or all at once by a distance of sets, and sampled.

Greedy: round r trains step t = T-1-r alone. Its inputs are the prior's states sent through the steps trained before,
its targets the data at the level before t (t = 0: the data themselves); the loss is a distance between the two sets.
Joint: each step of the training draws a level for its whole batch, and its inputs are the data at that level.

The ancillas' outcomes are all kept, with their probabilities: gradients through one drawn outcome would lack the term
of the outcome's own probability. Ancillas that are traced out, of density matrices, have none; those that come in
random are drawn anew in every step.

Source: Zhang et al. 2024 (arXiv 2310.05866), section "Training strategy"; Kwun et al. 2024 (arXiv 2411.17608) for
density matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qdiffusion.capacity import check_memory
from qdiffusion.diffusion.grid import drawn_levels
from qdiffusion.diffusion.guidance import guided_states
from qdiffusion.diffusion.outcomes import outcome_chance, outcomes_at
from qdiffusion.diffusion.reverse import ReverseProcess
from qdiffusion.diffusion.set_distances import MMD, SetDistance
from qdiffusion.diffusion.system import Batch, Chain, Draw, MeasuredDenoiser, MixedDenoiser, System
from qdiffusion.errors import UsageError
from qdiffusion.states import in_phase

AMPLITUDE_BYTES = 32
"""An amplitude of complex64, what it comes from, and the gradients of both."""


@dataclass(frozen=True)
class ChainObjective:
    """Steps of a chain: the distance of their outputs from the data at the level before."""

    timesteps: int
    """T, the noise levels of the process."""
    level: int | None
    """t, the step that is trained; None: all, each on the data at its level."""
    inputs: int | None = None
    """States that a step is trained on; None: as many as a batch has."""
    distance: SetDistance = MMD
    """Of two sets of states; with classes its mean over them."""
    outcomes: Literal["exact", "drawn"] = "exact"
    """Of a denoiser that measures: all with their probabilities, or one of each state."""
    warm: bool = False
    """Begin step t with the angles of step t + 1."""
    pool: int | None = None
    """States that are led to level t once, of which each step of the training draws its inputs; None: as many as
    inputs, the same in each step."""

    splittable = False

    @property
    def trained(self) -> str:
        """The parameters of step t, or of all."""
        return "denoiser.*" if self.level is None else f"denoiser.steps.{self.level}.*"

    def check(self, system: System) -> None:
        """Raise UsageError where the denoiser has no circuits that are measured or traced, not one of its own for each
        level where they are trained one by one, or where there is no such distance of density matrices."""
        space, denoiser = system.codec.space, system.denoiser
        space.expect("states", "The objective chain", "densities")
        mixed = space.kind == "densities"
        if not (isinstance(denoiser, Chain) and isinstance(denoiser, MixedDenoiser if mixed else MeasuredDenoiser)):
            kind = "mixed-chain" if mixed else "chain"
            raise UsageError(
                f"The objective chain trains circuits whose ancillas are {'traced out' if mixed else 'measured'}, and "
                f"the denoiser has none; choose the model {kind} with n_steps {self.timesteps}."
            )
        if denoiser.n_steps != self.timesteps:
            raise UsageError(
                f"The objective chain trains circuits for {self.timesteps} noise levels, but the denoiser is made for "
                f"{denoiser.n_steps}; give it n_steps {self.timesteps}."
            )
        if self.level is not None and denoiser.levels < self.timesteps:
            raise UsageError(
                f"Level by level each of {self.timesteps} circuits is trained, but the denoiser has {denoiser.levels} "
                "for all; choose the order joint."
            )
        self._check_sets(system, mixed)

    def _check_sets(self, system: System, mixed: bool) -> None:
        """Raise UsageError for sets that cannot be compared, or that memory does not hold."""
        if mixed and self.distance.mixed is None:
            raise UsageError("Bitstrings are compared of pure states; choose another loss for density matrices.")
        if mixed and self.outcomes == "drawn":
            raise UsageError("Ancillas that are traced out have no outcomes to be drawn; choose outcomes exact.")
        if self.inputs is None:
            return
        if self.inputs < system.denoiser.n_classes:
            raise UsageError(
                f"{self.inputs} inputs have none of some of {system.denoiser.n_classes} classes; give at least as many."
            )
        amplitudes = AMPLITUDE_BYTES << system.denoiser.steps[0].circuit.n_wires
        check_memory(
            amplitudes * self.inputs, f"A step with {self.inputs:,} inputs of all outcomes", "give fewer inputs"
        )
        if self.pool is None:
            return
        check_memory(amplitudes * self.pool, f"A pool of {self.pool:,} states", "give a smaller pool")
        n_classes = max(1, system.denoiser.n_classes)
        each = -(-self.inputs // n_classes)
        if self.pool // n_classes < each:
            raise UsageError(
                f"A pool of {self.pool} states has {self.pool // n_classes} of each of {n_classes} classes, fewer than "
                f"{self.inputs} inputs; give a pool of at least {n_classes * each}."
            )

    @torch.no_grad()
    def begin(self, system: System) -> None:
        """Give step t the angles of the step that was trained before it, where there is one and it is to be warm."""
        if self.warm and self.level is not None and self.level < self.timesteps - 1:
            steps = system.denoiser.steps
            steps[self.level].load_state_dict(steps[self.level + 1].state_dict())

    def prepare(self, system: System, items: Tensor, batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """inputs (`pool`, `inputs` or batch_size, …), their labels where there are classes, and targets (N, …) for all
        items (N, …); nothing where all levels are trained."""
        if self.level is None:
            return {}
        with torch.no_grad():
            x0 = system.codec.encode(items)
            inputs = system.process.prior((self.pool or self.inputs or batch_size, *x0.shape[1:]), generator)
            told = labels_in_turn(len(inputs), system.denoiser.n_classes, inputs.device)
            for later in range(self.timesteps - 1, self.level, -1):
                inputs = system.denoiser(inputs, later, told, return_dict=False, generator=generator)[0]
            before = torch.full((len(x0),), self.level - 1, device=x0.device)
            targets = system.process.noised(x0, before, generator).x
        return {"inputs": inputs, "targets": targets, **_labelled(told)}

    def draw(self, system: System, batch: Batch, kept: dict[str, Tensor], generator: torch.Generator) -> Draw:
        """level (), inputs (M, …) and targets (B, …); labels (M,) and target_labels (B,) where there are classes;
        chance (M,) where outcomes are drawn."""
        with torch.no_grad():
            if self.level is None:
                draw = self._noised(system, batch, generator)
            else:
                level = torch.tensor(self.level, device=batch.places.device)
                draw = {
                    **self._chosen(kept, system.denoiser.n_classes, generator),
                    "level": level,
                    "targets": kept["targets"][batch.places],
                }
            if system.denoiser.n_classes:
                assert batch.labels is not None
                draw["target_labels"] = batch.labels
            inputs = draw["inputs"]
            if isinstance(system.denoiser, MixedDenoiser):
                draw["inputs"] = system.denoiser.joined(inputs, generator)
            elif self.outcomes == "drawn":
                draw["chance"] = outcome_chance((len(inputs),), generator, inputs.device)
        return draw

    def loss(self, system: System, draw: Draw) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The distance; nothing else to log."""
        left = self._left(system.denoiser, draw)
        if "labels" not in draw:
            return self._apart(left, draw["targets"]), {}
        ours, theirs = draw["labels"], draw["target_labels"]
        apart = [
            self._apart(tuple(each[ours == c] for each in left), draw["targets"][theirs == c]) for c in theirs.unique()
        ]
        return torch.stack(apart).mean(), {}

    def _chosen(self, kept: dict[str, Tensor], n_classes: int, generator: torch.Generator) -> Draw:
        """The inputs and their labels, drawn from a pool where there is one; as many of each class."""
        if self.pool is None:
            return kept
        assert self.inputs is not None
        n_classes = max(1, n_classes)
        order = torch.randperm(self.pool // n_classes, generator=generator, device=generator.device)
        turns = order[: -(-self.inputs // n_classes), None] * n_classes
        places = (turns + torch.arange(n_classes, device=turns.device)).flatten()[: self.inputs]
        return {name: each[places.to(each.device)] for name, each in kept.items() if name != "targets"}

    def _noised(self, system: System, batch: Batch, generator: torch.Generator) -> Draw:
        """One level for all, and the data there and at the level before."""
        x0 = system.codec.encode(batch.items)
        level = drawn_levels(self.timesteps, 1, generator, x0.device)
        before, after = (system.process.noised(x0, t.expand(len(x0)), generator).x for t in (level - 1, level))
        labels = batch.labels if system.denoiser.n_classes else None
        return {"level": level[0], "inputs": after, "targets": before, **_labelled(labels)}

    def _left(self, denoiser: Any, draw: Draw) -> tuple[Tensor, ...]:
        """What the step leaves: states or density matrices (M, …), or branches (M, B, …) and probabilities (M, B)."""
        if isinstance(denoiser, MixedDenoiser):
            return (denoiser.traced(draw["inputs"], draw["level"]),)
        states, probabilities = denoiser.branches(draw["inputs"], draw["level"], draw.get("labels"))
        if "chance" not in draw:
            return states, probabilities
        return (states.take_along_dim(outcomes_at(probabilities, draw["chance"])[..., None], 1)[:, 0],)

    def _apart(self, left: tuple[Tensor, ...], targets: Tensor) -> Float[Tensor, ""]:
        if targets.ndim == 3:
            assert self.distance.mixed is not None
            return self.distance.mixed(left[0], targets)
        return self.distance.pure(left[0], targets, first_probabilities=left[1] if len(left) > 1 else None)


def labels_in_turn(count: int, n_classes: int, device: torch.device) -> Tensor | None:
    """Labels 0 … K-1 in turn; None without classes."""
    return torch.arange(count, device=device) % n_classes if n_classes else None


def _labelled(labels: Tensor | None) -> dict[str, Tensor]:
    return {} if labels is None else {"labels": labels}


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
