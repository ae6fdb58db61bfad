"""Circuit angles learn as fast as the published program's; AdamW, rates, clipping and accumulation do as they say."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, StepLR

from qdiffusion.circuits import QuantumLayer, angle_encoding, basic_entangling
from qdiffusion.data import Space
from qdiffusion.models import QVUNetConfig
from qdiffusion.runs import Run
from qdiffusion.runs.checkpoint import list_checkpoints, load
from qdiffusion.training import AdamConfig, AdamWConfig, EMAConfig, RateConfig, Stage, train
from qdiffusion.training.optimiser import make_adam, make_adamw, set_rate
from qdiffusion.training.presets import PRESETS
from training_tiny import QVUNET, tiny, write_images

MNIST = Space("images", (1, 28, 28))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data.npz")


def test_a_rate_of_two_pi_is_adam_on_turns() -> None:
    """Ten steps on radians with circuit_rate 2π, and ten of Adam on θ with the angles 2πθ, end in the same angles."""
    circuit = angle_encoding(2, axis="x") >> basic_entangling(2, 2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 1, 2, dtype=torch.float64, generator=generator)
    layer = QuantumLayer(circuit, generator=generator).double()
    turns = nn.Parameter(layer.weights.detach() / (2 * math.pi))
    ours = make_adam(layer, AdamConfig(learning_rate=1e-3, betas=(0.9, 0.99), circuit_rate=2 * math.pi))
    theirs = torch.optim.Adam([turns], lr=1e-3, betas=(0.9, 0.99))
    for _ in range(10):
        for optimiser, value in ((ours, layer(x)), (theirs, layer(x, 2 * math.pi * turns))):
            optimiser.zero_grad()
            (value - 1).square().sum().backward()
            optimiser.step()
    assert (layer.weights - 2 * math.pi * turns).abs().max() < 1e-6


def rates(optimiser: torch.optim.Optimizer) -> dict[Tensor, float]:
    """Each parameter's learning rate; a parameter that is in two groups is in one of them twice."""
    pairs = [(parameter, group["lr"]) for group in optimiser.param_groups for parameter in group["params"]]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def test_every_parameter_has_one_rate() -> None:
    """Of a full vertex: the 12-qubit circuits' angles 2π, the 4-qubit ones' 1, as everything classical."""
    model = QVUNetConfig(circuits="full").build(MNIST)
    found = rates(make_adam(model, PRESETS["qvunet-full-hq"].build().stages[0].optimiser))
    assert found.keys() == set(model.parameters())
    for name, parameter in model.named_parameters():
        assert found[parameter] == 1e-3 * (2 * math.pi if name.endswith("head.bank.weights") else 1)


@pytest.mark.parametrize("make", [make_adam, make_adamw])
def test_only_what_asks_for_a_gradient_is_moved(make: Callable[..., torch.optim.Optimizer]) -> None:
    model = QVUNetConfig(circuits="full").build(MNIST).requires_grad_(False)
    learning = [parameter.requires_grad_(True) for name, parameter in model.named_parameters() if "vertex" in name]
    config = AdamConfig() if make is make_adam else AdamWConfig()
    assert rates(make(model, config)).keys() == set(learning)


class Mixed(nn.Module):
    """A linear map before a bank of circuits: (N, 1, 2) → (N, 1, 2), float64."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.linear = nn.Linear(2, 2)
        self.bank = QuantumLayer(angle_encoding(2, axis="x") >> basic_entangling(2, 2), generator=generator)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.bank(self.linear(x))


def steps(model: nn.Module, optimiser: torch.optim.Optimizer, count: int = 20) -> None:
    x = torch.randn(5, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for _ in range(count):
        optimiser.zero_grad()
        (model(x) - 1).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("circuit_rate", [1.0, 2 * math.pi])
def test_adamw_is_torchs_and_angles_never_decay(circuit_rate: float) -> None:
    ours, theirs = Mixed(), Mixed()
    theirs.load_state_dict(ours.state_dict())
    config = AdamWConfig(learning_rate=3e-2, betas=(0.8, 0.95), weight_decay=0.3, circuit_rate=circuit_rate)
    steps(ours, make_adamw(ours, config))
    groups = [
        {"params": theirs.linear.parameters(), "weight_decay": 0.3},
        {"params": theirs.bank.parameters(), "weight_decay": 0.0, "lr": 3e-2 * circuit_rate},
    ]
    steps(theirs, torch.optim.AdamW(groups, lr=3e-2, betas=(0.8, 0.95), foreach=False))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-10, atol=0)


def test_without_a_gradient_only_weights_that_are_no_angles_shrink() -> None:
    """θ ← (1 - ηλ) θ, algorithm 2 of Loshchilov and Hutter where the gradient is 0."""
    model = Mixed()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimiser = make_adamw(model, AdamWConfig(learning_rate=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in model.named_parameters():
        kept = 1.0 if name == "bank.weights" else 1 - 0.1 * 0.5
        torch.testing.assert_close(parameter.detach(), kept * before[name], rtol=1e-12, atol=0)


STEPS = 40


def torchs(schedule: Callable[[torch.optim.Optimizer], Any]) -> list[float]:
    """The factors of one of torch's schedules, step by step."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    scheduler, found = schedule(optimiser), []
    for _ in range(STEPS):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


def after_warmup(step: int) -> float:
    return min(1.0, (step + 1) / 7)


@pytest.mark.parametrize(
    ("rate", "schedule"),
    [
        (RateConfig(), lambda optimiser: LambdaLR(optimiser, lambda step: 1.0)),
        (RateConfig(warmup=7), lambda optimiser: LambdaLR(optimiser, after_warmup)),
        (RateConfig(decay="cosine"), lambda optimiser: CosineAnnealingLR(optimiser, STEPS)),
        (RateConfig(decay="step", every=6, factor=0.9), lambda optimiser: StepLR(optimiser, 6, 0.9)),
    ],
)
def test_rates_are_torchs_schedules(rate: RateConfig, schedule: Callable[[torch.optim.Optimizer], Any]) -> None:
    assert [rate.at(step, STEPS) for step in range(STEPS)] == pytest.approx(torchs(schedule), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("warmup", [0, 1, 9, STEPS])
def test_decay_begins_where_the_warm_up_ends(warmup: int) -> None:
    for decay in ("none", "cosine", "step"):
        rate = RateConfig(warmup, decay, every=5, factor=0.5)
        found = [rate.at(step, STEPS) for step in range(STEPS)]
        assert found[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)])
        unwarmed = replace(rate, warmup=0)
        assert found[warmup:] == [unwarmed.at(step, STEPS - warmup) for step in range(STEPS - warmup)]


def test_a_cosine_ends_next_to_zero_and_never_below() -> None:
    rate = RateConfig(warmup=3, decay="cosine")
    found = [rate.at(step, STEPS) for step in range(STEPS)]
    assert found[3:] == sorted(found[3:], reverse=True)
    assert found[-1] == pytest.approx(math.sin(math.pi / (2 * (STEPS - 3))) ** 2)


def test_every_group_keeps_its_own_first_rate() -> None:
    optimiser = make_adam(Mixed(), AdamConfig(learning_rate=1e-2, circuit_rate=5.0))
    for factor in (0.5, 0.25, 1.0):
        set_rate(optimiser, factor)
        assert {group["lr"] for group in optimiser.param_groups} == {1e-2 * factor, 5e-2 * factor}


def trained(run: Run) -> dict[str, Tensor]:
    return load(list_checkpoints(run)[-1]).part("system")


def stage(steps: int = 6, **changes: Any) -> Stage:
    return Stage(steps=steps, batch_size=8, ema=EMAConfig(decay=0.0), **changes)


def test_the_rate_of_a_round_is_that_of_its_steps(tmp_path: Path, data: Path) -> None:
    """What is logged; and at rate 0, to which a decay by 1e-30 comes down, weights stand still."""
    rate = RateConfig(decay="step", every=3, factor=1e-30)
    stages = (stage(6, optimiser=AdamConfig(learning_rate=2e-3, rate=rate)),)
    run = train(tiny(data, stages=stages, log_every=1, checkpoint_every=3, snapshots=(3, 6)), tmp_path / "run")
    assert [line["learning_rate"] for line in run.read_stats()] == pytest.approx([2e-3] * 3 + [2e-33] * 3)
    third, last = (load(path).part("system") for path in list_checkpoints(run))
    assert all(torch.equal(third[name], last[name]) for name in last)
    constant = train(tiny(data, stages=(stage(3, optimiser=AdamConfig(2e-3)),)), tmp_path / "constant")
    assert all(torch.equal(third[name], weight) for name, weight in trained(constant).items())


class Recorded:
    """Gradients as an optimiser of a training gets to see them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[Tensor] = []
        step = torch.optim.Adam.step

        def recorded(optimiser: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
            self.seen.append(torch.cat([gradient.flatten().clone() for gradient in gradients(optimiser)]))
            return step(optimiser, *args, **kwargs)

        monkeypatch.setattr(torch.optim.Adam, "step", recorded)


def gradients(optimiser: torch.optim.Optimizer) -> Iterator[Tensor]:
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                yield parameter.grad


def first_gradient(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[Tensor, float]:
    """Of the first step of a training, and its loss."""
    with monkeypatch.context() as patch:
        recorded = Recorded(patch)
        run = train(tiny(data, model=QVUNET, stages=(stage(1, **changes),), log_every=1), out)
    return recorded.seen[0], run.read_stats()[0]["loss"]


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_a_gradient_longer_than_the_clip_is_shortened_to_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    whole, _ = first_gradient(data, tmp_path / "free", monkeypatch)
    clip = share * float(whole.norm())
    clipped, _ = first_gradient(data, tmp_path / "run", monkeypatch, optimiser=AdamConfig(clip=clip))
    torch.testing.assert_close(clipped, min(1.0, share) * whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """The same noise, levels and images: three parts of eight are three, three and two."""
    whole, loss = first_gradient(data, tmp_path / "whole", monkeypatch)
    accumulated, sum_of_parts = first_gradient(data, tmp_path / "parts", monkeypatch, accumulation=parts)
    assert sum_of_parts == pytest.approx(loss, rel=1e-5)
    assert float((accumulated - whole).norm()) < 1e-5 * float(whole.norm())


def test_accumulation_draws_the_chance_of_the_whole(tmp_path: Path, data: Path) -> None:
    """After twelve steps the generator stands where it stands without; the losses differ by rounding alone."""
    whole = train(tiny(data, stages=(stage(12),), log_every=1), tmp_path / "whole")
    parts = train(tiny(data, stages=(stage(12, accumulation=4),), log_every=1), tmp_path / "parts")
    states = [load(list_checkpoints(run)[-1]).tensors["random/noise"] for run in (whole, parts)]
    assert torch.equal(*states)
    losses = [[line["loss"] for line in run.read_stats()] for run in (whole, parts)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
