"""Bits per dimension of held-out items, as an evaluation: against items whose law is known."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from diffusion_toys import DOUBLE, Function, Mixture, independent, mixture_system
from qdiffusion.data.space import Space
from qdiffusion.diffusion import GaussianProcess, SDEConfig, System, linear_betas
from qdiffusion.errors import UsageError
from qdiffusion.metrics import LikelihoodEvaluationConfig, Scores
from qdiffusion.metrics.likelihood import bins_of
from qdiffusion.metrics.subject import Subject
from qdiffusion.models.codecs import Pixels

ONE = Mixture([1.0], [[0.0, 0.0]], [0.25])
ENTROPY = math.log2(2 * math.pi * math.e * 0.25) / 2


class Items:
    """Data whose held-out items are these."""

    def __init__(self, items: torch.Tensor, labels: torch.Tensor | None = None) -> None:
        self.items, self.labels, self.source, self.name = items, labels, "made here", "items"
        self.split = "test"
        self.space = Space("vectors", tuple(items.shape[1:]))

    def load(self, split: str) -> "Items":
        assert split == "test"
        return self

    def __len__(self) -> int:
        return len(self.items)


def scored(system: System, items: torch.Tensor, count: int = 10**6, labels: Any = None, **options: Any) -> Scores:
    def no_samples() -> torch.Tensor:
        raise AssertionError("a likelihood takes no samples")

    data: Any = Items(items, labels)
    subject = Subject(data, count, 3, torch.device("cpu"), no_samples, lambda: system, lambda words: None)
    return LikelihoodEvaluationConfig(**options).score(subject)


@pytest.mark.parametrize("probes", [0, 1])
def test_an_sde_scores_the_entropy_of_a_gaussian(probes: int, generator: torch.Generator) -> None:
    """In two batches."""
    system = mixture_system(SDEConfig("vp").build(Space("vectors", (2,)), 0), ONE)
    system.codec.space = Space("vectors", (2,))
    items = ONE.draw(100, generator)
    items = items * (0.5 / items.square().mean().sqrt())  # of the items' own chance nothing is left
    scores = scored(system, items, probes=probes)
    assert scores["bits-per-dim"] == pytest.approx(ENTROPY, abs=0.01)
    assert scores.details["n_held_out"] == 100


def test_a_bound_is_told_in_its_parts_and_by_level(generator: torch.Generator) -> None:
    process = GaussianProcess(linear_betas(100, 0.01, 0.3))
    system = independent(process, 0.25, 0.25)
    system.codec.space = Space("vectors", (1, 1, 2))
    items = (0.5 * torch.randn(100, 1, 1, 2, generator=generator, dtype=DOUBLE))[:90]
    items = items * (0.5 / items.square().mean().sqrt())
    scores = scored(system, items, count=80)
    total = scores["bits-per-dim"]
    assert ENTROPY - 0.1 < total < ENTROPY + 0.2
    assert total == pytest.approx(scores["data"] + scores["steps"] + scores["prior"])
    assert sum(scores.details["by_level"]) == pytest.approx(total)
    assert len(scores.details["by_level"]) == 101
    assert scores.details["n_held_out"] == 80
    assert scored(system, items, count=80)["bits-per-dim"] == total
    assert scored(system, items, count=80, variance="posterior")["bits-per-dim"] > total + 0.2


class OneValue(nn.Module):
    """Knows that every pixel is `value`, surely."""

    n_classes, levels = 0, 1

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, sample, timestep, class_labels=None, return_dict=True):  # type: ignore[no-untyped-def]
        return (self.value.expand_as(sample),)


@pytest.mark.parametrize("scale", ["signed", "unit"])
def test_images_that_are_known_need_next_to_no_bits(scale: Any) -> None:
    """Probabilities of bins, not densities, which would be negative without bound."""
    codec = Pixels((1, 2, 2), scale=scale)
    grey = torch.full((5, 1, 2, 2), 77, dtype=torch.uint8)
    value = codec.encode(grey).flatten()[0].item()
    process = GaussianProcess(linear_betas(200, 1e-8, 0.2), "x0")
    scores = scored(System(codec, OneValue(value), process), grey, variance="posterior")
    assert 0 <= scores["bits-per-dim"] < 0.05
    assert scores.rows[0].beside["uniform"] == 8.0


@pytest.mark.parametrize("scale", ["signed", "unit"])
def test_an_sde_needs_as_many_bits_of_images_as_their_law(scale: Any, generator: torch.Generator) -> None:
    """Pixels of a normal law with 20 grey values of deviation: its entropy in grey values, whatever their floats."""
    codec = Pixels((1, 2, 2), scale=scale)
    grey = (120 + 20 * torch.randn(256, 1, 2, 2, generator=generator)).round().to(torch.uint8)
    low, width = codec.encode(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)).flatten()[0].item(), bins_of(codec).width  # type: ignore[union-attr]
    process = SDEConfig("vp", beta_max=40.0).build(codec.space, 0)
    mean, variance = low + 120 * width, (20 * width) ** 2

    def answer(x: torch.Tensor, t: torch.Tensor, labels: Any) -> torch.Tensor:
        signal, sigma = process.marginal((t + 1) / 1000)
        return sigma * (x - signal * mean) / (signal**2 * variance + sigma**2)

    class Exact(Function):
        def __init__(self) -> None:
            super().__init__(answer)
            self.place = nn.Parameter(torch.zeros(1))

    bits = scored(System(codec, Exact(), process), grey)["bits-per-dim"]
    assert bits == pytest.approx(math.log2(20 * math.sqrt(2 * math.pi * math.e)), abs=0.1)


def test_labels_are_those_of_the_items() -> None:
    seen = []

    class Told(OneValue):
        n_classes = 3

        def forward(self, sample, timestep, class_labels=None, return_dict=True):  # type: ignore[no-untyped-def]
            seen.append(class_labels)
            return super().forward(sample, timestep)

    labels = torch.arange(70) % 3
    codec, process = Pixels((1, 1, 1)), GaussianProcess(torch.tensor([0.1]), "x0")
    scored(System(codec, Told(0.0), process), torch.zeros(70, 1, 1, 1, dtype=torch.uint8), labels=labels, count=66)
    assert torch.equal(torch.cat(seen), labels[:66])


@pytest.mark.usefixtures("unchecked")
def test_what_has_no_likelihood_is_refused() -> None:
    with pytest.raises(UsageError, match="takes images or vectors, but was given states of shape 4"):
        LikelihoodEvaluationConfig(count=5).check(Items(torch.zeros(1)), Space("states", (4,)), 5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs Gaussian noise in counted levels, but was given a Identity"):
        scored(System(Pixels((1, 1, 1)), OneValue(0.0), nn.Identity()), torch.zeros(1, 1, 1, 1, dtype=torch.uint8))
    for options, sentence in (
        ({"count": -1}, "count is -1, but must be at least 0"),
        ({"probes": -1}, "probes is -1, but must be at least 0"),
        ({"variance": "large"}, "variance is 'large', but must be one of posterior, beta"),
    ):
        with pytest.raises(UsageError, match=sentence):
            LikelihoodEvaluationConfig(**options)
