"""Models with the initial weights that an experiment's seed decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from qdiffusion.training.batches import derived_seed
from qdiffusion.training.experiment import Experiment
from qdiffusion.training.fit import check_model_fits

if TYPE_CHECKING:
    from qdiffusion.models import QVUNet, UNet

WEIGHTS, NOISE, ORDER, MODEL_NOISE, PICTURES = range(5)
"""What a seed is derived for: initial weights, noise, order of the images, the model's own chance (dropout), what the
report shows."""


def build_model(experiment: Experiment, channels: int) -> "UNet | QVUNet":
    """The experiment's model for images of `channels` channels.

    Raises:
        UsageError: the model does not fit the images or the memory.
    """
    with _weights_drawn(experiment, channels):
        return experiment.model.build(channels, experiment.data.size)


def build_network(experiment: Experiment, channels: int) -> nn.Module:
    """The same layers and weights without diffusers. Raises as `build_model`."""
    with _weights_drawn(experiment, channels):
        return experiment.model.network(channels, experiment.data.size)


@contextmanager
def _weights_drawn(experiment: Experiment, channels: int) -> Iterator[None]:
    """Within the block, weights are those that the seed decides; only for models that fit."""
    check_model_fits(experiment.model, channels, experiment.data.size)
    with seeded(derived_seed(experiment.seed, WEIGHTS)):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generators within the block, and put them back as they were behind it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
