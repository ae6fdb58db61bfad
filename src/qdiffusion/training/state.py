"""Everything a leg changes while it trains, and its way into a checkpoint and back."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion import __version__
from qdiffusion.diffusion.system import System
from qdiffusion.errors import RunError
from qdiffusion.runs.checkpoint import Checkpoint
from qdiffusion.training.ema import EMA
from qdiffusion.training.experiment import Leg

Moments = dict[str, dict[str, Tensor]]
"""What an optimiser remembers of each parameter, by name."""


@dataclass
class TrainingState:
    """The moving parts of a training.

    leg: the round of a stage under way.
    step: steps done since the run began.
    generator: draws noise levels and noise, on the CPU, so that a seed means the same noise on every device.
    kept: what the leg's objective prepared.
    figures: of each step since the last logged one the loss and what else its objective has to log, each of shape ().
    """

    leg: Leg
    step: int
    system: System
    ema: EMA
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    kept: dict[str, Tensor]
    figures: dict[str, list[Tensor]] = field(default_factory=dict)

    def to_checkpoint(self, seconds: float) -> Checkpoint:
        """Pack everything up; `seconds` of training came before."""
        tensors = {
            **_prefixed("system", self.system.state_dict()),
            **_prefixed("ema", self.ema.state_dict()),
            **{
                f"optimiser/{name}/{key}": value
                for name, values in moments(self.optimiser, self.system).items()
                for key, value in values.items()
            },
            **_prefixed("random", _random_state(self.generator)),
            **_prefixed("leg", self.kept),
            **{f"log/{name}": torch.stack(values) for name, values in self.figures.items()},
        }
        meta = {
            "step": self.step,
            "stage": self.leg.index,
            "round": self.leg.round,
            "seconds": seconds,
            "versions": {"qdiffusion": __version__, "torch": torch.__version__},
        }
        return Checkpoint(tensors, meta)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the state of a checkpoint of the same leg.

        Raises:
            RunError: the checkpoint belongs to another model.
        """
        try:
            self.system.load_state_dict(checkpoint.part("system"))
            self.ema.load_state_dict(checkpoint.part("ema"))
            give_moments(self.optimiser, self.system, _nested(checkpoint.part("optimiser")))
            _set_random_state(checkpoint.part("random"), self.generator)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                "The checkpoint does not fit the model of experiment.json; was one of them edited or made by another "
                "version of qdiffusion? Train again, or restore the file."
            ) from error
        device = next(self.system.parameters()).device
        self.kept = {name: tensor.to(device) for name, tensor in checkpoint.part("leg").items()}
        self.figures = {name: list(values.to(device)) for name, values in checkpoint.part("log").items()}
        self.step = checkpoint.meta["step"]


def moments(optimiser: torch.optim.Optimizer, system: nn.Module) -> Moments:
    """What the optimiser remembers of each parameter."""
    names = _names(optimiser, system)
    return {names[index]: values for index, values in optimiser.state_dict()["state"].items()}


def give_moments(optimiser: torch.optim.Optimizer, system: nn.Module, remembered: Moments) -> None:
    """Let the optimiser remember this of the parameters that it has, too."""
    names = _names(optimiser, system)
    state = {index: dict(remembered[name]) for index, name in enumerate(names) if name in remembered}
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _names(optimiser: torch.optim.Optimizer, system: nn.Module) -> list[str]:
    """The optimiser's parameters, in its own order."""
    name_of = {parameter: name for name, parameter in system.named_parameters()}
    return [name_of[parameter] for group in optimiser.param_groups for parameter in group["params"]]


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _nested(flat: dict[str, Tensor]) -> Moments:
    nested: Moments = {}
    for key, value in flat.items():
        name, what = key.split("/")
        nested.setdefault(name, {})[what] = value
    return nested


def _random_state(generator: torch.Generator) -> dict[str, Tensor]:
    """The states of the noise generator and of torch's own, which a model with dropout draws from."""
    state: dict[str, Any] = {"noise": generator.get_state(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: dict[str, Tensor], generator: torch.Generator) -> None:
    generator.set_state(state["noise"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
