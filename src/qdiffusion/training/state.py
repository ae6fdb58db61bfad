"""Everything a stage changes while it trains, and its way into a checkpoint and back."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from qdiffusion import __version__
from qdiffusion.errors import RunError
from qdiffusion.runs.checkpoint import Checkpoint
from qdiffusion.training.ema import EMA


@dataclass
class TrainingState:
    """The moving parts of a training.

    stage: index of the stage under way.
    step: steps done since the run began.
    generator: draws noise levels and noise, on the CPU, so that a seed means the same noise on every device.
    losses: the loss of each step since the last logged one, each of shape ().
    """

    stage: int
    step: int
    model: nn.Module
    ema: EMA
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[Tensor] = field(default_factory=list)

    def to_checkpoint(self, seconds: float) -> Checkpoint:
        """Pack everything up; `seconds` of training came before."""
        tensors = {
            **_prefixed("model", self.model.state_dict()),
            **_prefixed("ema", self.ema.model.state_dict()),
            **{
                f"optimiser/{index}/{name}": value
                for index, values in self.optimiser.state_dict()["state"].items()
                for name, value in values.items()
            },
            **_prefixed("random", _random_state(self.generator)),
            "log/losses": torch.stack(self.losses) if self.losses else torch.empty(0),
        }
        meta = {
            "step": self.step,
            "stage": self.stage,
            "seconds": seconds,
            "versions": {"qdiffusion": __version__, "torch": torch.__version__},
        }
        return Checkpoint(tensors, meta)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the state of a checkpoint of the same stage.

        Raises:
            RunError: the checkpoint belongs to another model.
        """
        try:
            self.model.load_state_dict(checkpoint.part("model"))
            self.ema.model.load_state_dict(checkpoint.part("ema"))
            moments = _optimiser_state(checkpoint.part("optimiser"))
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
            _set_random_state(checkpoint.part("random"), self.generator)
            losses = checkpoint.tensors["log/losses"]
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                "The checkpoint does not fit the model of experiment.json; was one of them edited or made by another "
                "version of qdiffusion? Train again, or restore the file."
            ) from error
        self.losses = list(losses.to(next(self.model.parameters()).device))
        self.step = checkpoint.meta["step"]


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _optimiser_state(flat: dict[str, Tensor]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in flat.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value
    return state


def _random_state(generator: torch.Generator) -> dict[str, Tensor]:
    """The states of the noise generator and of torch's own, which a model with dropout draws from."""
    state = {"noise": generator.get_state(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: dict[str, Tensor], generator: torch.Generator) -> None:
    generator.set_state(state["noise"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
