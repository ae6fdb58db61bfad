"""Systems with the initial weights that a seed decides, and what a stage takes over from the one before."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from qdiffusion.data.space import Space
from qdiffusion.diffusion.system import System
from qdiffusion.errors import UsageError
from qdiffusion.training.batches import derived_seed
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.fit import check_model_fits

WEIGHTS, NOISE, ORDER, MODEL_NOISE, PICTURES, FORWARD, LEG, FLIPS = range(8)
"""What a seed is derived for: initial weights, noise, order of the items, the model's own chance (dropout), what the
report shows, forward processes with chance of their own, what a leg prepares, flips."""


def build_system(experiment: Experiment, space: Space, index: int = -1) -> System:
    """The system of stage `index` for items of `space`, with fresh weights.

    Raises:
        UsageError: the codec, the model or the forward process does not fit the items, or the memory.
    """
    index %= len(experiment.stages)
    model = experiment.model_of(index)
    check_model_fits(experiment, space, index)
    # Stage 0 has the seed to itself: a single stage draws what it always drew.
    key = (experiment.seed, WEIGHTS, index) if index else (experiment.seed, WEIGHTS)
    with seeded(derived_seed(*key)):
        codec = experiment.codec.build(space)
        denoiser = model.build(codec.space)
    # The same for all stages: one that is to be another process says so itself.
    seed = derived_seed(experiment.seed, FORWARD)
    return System(codec, denoiser, experiment.forward_of(index).build(codec.space, seed))


def take_over(system: System, before: System, fresh: tuple[str, ...]) -> None:
    """Copy what has equal name and shape from the system of the stage before, but for what matches `fresh`."""
    system.load_state_dict(system.state_dict() | agreeing(system, before, fresh))


def agreeing(system: System, before: System, fresh: tuple[str, ...]) -> dict[str, Tensor]:
    """What the system before holds under the name and in the shape that `system` has, but for what matches `fresh`."""
    old = before.state_dict()
    return {
        name: old[name]
        for name, value in system.state_dict().items()
        if name in old and old[name].shape == value.shape and not _matches(name, fresh)
    }


def check_takeover(system: System, before: System, fresh: tuple[str, ...], stage: str) -> None:
    """Refuse to take over from a net of other sizes: what has the same name has to have the same shape, or be fresh.

    Raises:
        UsageError: a shape differs.
    """
    old = before.state_dict()
    for name, value in system.state_dict().items():
        if name in old and old[name].shape != value.shape and not _matches(name, fresh):
            raise UsageError(
                f"Stage {stage} cannot take over {name}: it has shape {tuple(old[name].shape)} in the net before and "
                f"{tuple(value.shape)} in this one; make the nets' sizes equal, or name it in fresh to draw it anew."
            )


def choose_trained(system: System, globs: tuple[str, ...], within: str) -> None:
    """Let only the parameters that match one of `globs`, and `within`, ask for a gradient.

    What has no such parameter is in evaluation mode: a frozen codec's statistics do not move.

    Raises:
        UsageError: a glob matches no parameter, or none is left.
    """
    names = [name for name, _ in system.named_parameters()]
    check_globs((*globs, within), names, "train")
    for name, parameter in system.named_parameters():
        parameter.requires_grad_(_matches(name, globs) and fnmatchcase(name, within))
    if not trained_parameters(system):
        raise UsageError(
            f"A stage trains nothing: no parameter matches {' or '.join(globs)} and {within}, which is what its "
            "objective trains."
        )
    for part in system.children():
        part.train(any(parameter.requires_grad for parameter in part.parameters()))


def check_globs(globs: tuple[str, ...], names: list[str], field: str) -> None:
    """Raise UsageError where one of the globs matches none of the names."""
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            heads = sorted({".".join(name.split(".")[:2]) for name in names})
            raise UsageError(
                f"The glob {glob!r} of {field} matches no parameter; parameters begin with {', '.join(heads)}."
            )


def trained_parameters(system: nn.Module) -> dict[str, Tensor]:
    """The parameters that ask for a gradient, by name."""
    return {name: parameter for name, parameter in system.named_parameters() if parameter.requires_grad}


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generators within the block, and put them back as they were behind it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
