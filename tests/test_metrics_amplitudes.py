"""Infidelity level by level, beside the identity map and the best mix with the mean."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from qdiffusion.data import ImageSet
from qdiffusion.diffusion import AmplitudeNoiseConfig, System
from qdiffusion.metrics.amplitudes import best_mix, score_infidelities
from qdiffusion.metrics.subject import Subject
from qdiffusion.models import AmplitudesConfig
from qdiffusion.states import fidelity, haar


class Untouched(nn.Module):
    """Gives back what it is given."""

    n_classes = 0
    levels = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, sample, timestep, class_labels=None, return_dict=True):
        return (sample,)


@dataclass(frozen=True)
class Pictures:
    """Bright squares, brighter at one side."""

    def load(self, split: str) -> ImageSet:
        images = torch.randint(100, 256, (40, 1, 4, 4), generator=torch.Generator().manual_seed(len(split)))
        return ImageSet("toy", split, images.to(torch.uint8), None, f"{split} pictures", 0)


def test_doing_nothing_scores_as_the_identity_and_mixing_is_never_worse() -> None:
    data = Pictures()
    codec = AmplitudesConfig().build(data.load("train").space)
    process = AmplitudeNoiseConfig(timesteps=3).build(codec.space, 0)
    system = System(codec, Untouched(), process)
    subject = Subject(data, 40, 0, torch.device("cpu"), lambda: None, lambda: system, lambda sentence: None)
    scores = score_infidelities(subject)
    assert [row.name for row in scores.rows] == ["infidelity", "infidelity-t0", "infidelity-t1", "infidelity-t2"]
    for row in scores.rows:
        assert row.value == pytest.approx(row.beside["identity"], abs=1e-6)
        assert row.beside["mix"] <= row.beside["identity"] + 1e-9
    assert scores["infidelity"] == pytest.approx(sum(row.value for row in scores.rows[1:]) / 3)


def test_the_best_mix_is_that_of_a_search(generator: torch.Generator) -> None:
    """Over mixes made and normalised one by one."""
    target, x, mean = haar(50, 3, generator), haar(50, 3, generator), haar(1, 3, generator)[0]
    x = x + 2 * target
    x = x / x.norm(dim=1, keepdim=True)
    best = best_mix(target, x, mean).mean()
    tried = []
    for theta in torch.linspace(0, torch.pi / 2, 301):
        mixed = theta.cos() * x + theta.sin() * mean
        tried.append(fidelity(target, mixed / mixed.norm(dim=1, keepdim=True)).mean())
    assert best.item() == pytest.approx(max(tried).item(), abs=1e-4)
