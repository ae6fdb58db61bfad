"""The natural gradient: closed forms, invariance, what it averages over, Adam beside it, resumption, refusals."""

import copy
import gc
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from qdiffusion.circuits import (
    FubiniStudy,
    Gate,
    QuantumLayer,
    angle_encoding,
    basic_entangling,
    circuit_of,
    input,
    ladder_entangling,
    state,
    weight,
)
from qdiffusion.circuits.angles.samples import pack, unpack
from qdiffusion.errors import TrainingError, UsageError
from qdiffusion.runs.checkpoint import list_checkpoints, load
from qdiffusion.training import AdamConfig, EMAConfig, Experiment, Interrupted, NaturalConfig, Stage, resume, train
from qdiffusion.training.natural import NaturalGradient
from training_families import chain, scrambling
from training_interruptions import signal_at
from training_tiny import QVUNET, outcome, tiny, write_images

F64 = torch.float64
RATE = 0.1


def natural(model: nn.Module, rate: float = RATE, adam: float = 1e-2, **options: object) -> NaturalGradient:
    """On all parameters of a model."""
    angles = {layer.weights for layer in model.modules() if isinstance(layer, QuantumLayer)}
    others = [parameter for parameter in model.parameters() if parameter not in angles]
    groups = [{"params": list(angles), "lr": rate}, *([{"params": others, "lr": adam}] if others else [])]
    return NaturalGradient(model, groups, **{"damping": 0.0, **options})


def bank(circuit=None, n_circuits: int = 1, seed: int = 0) -> QuantumLayer:
    generator = torch.Generator().manual_seed(seed)
    return QuantumLayer(circuit or LADDER, state(), n_circuits, generator=generator).double()


LADDER = angle_encoding(2) >> ladder_entangling(2, 1)


def inputs(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def infidelity(psi: Tensor) -> Tensor:
    """To one fixed random state."""
    size = psi.shape[-1]
    target = torch.view_as_complex(inputs(size, 2, seed=9))
    return 1 - ((psi @ (target / target.norm()).conj()).abs() ** 2).mean()


def test_of_one_rotation_it_is_four_gradients() -> None:
    layer = bank(circuit_of(1, [Gate("ry", (0,), weight(0))], "ry"))
    before = layer.weights.detach().clone()
    optimiser = natural(layer)
    infidelity(layer(inputs(1, 1, 0))).backward()
    gradient = layer.weights.grad.clone()
    optimiser.step()
    torch.testing.assert_close(layer.weights.detach(), before - RATE * 4 * gradient, rtol=1e-12, atol=0)
    assert torch.equal(layer.weights.grad, gradient)


@pytest.mark.parametrize("damping", [1e-6, 0.1])
@pytest.mark.parametrize("metric", ["full", "layer", "diagonal"])
def test_a_step_is_the_damped_metrics_solution(metric: str, damping: float) -> None:
    """Two rotations a wire, twice: weights 0 to 3 are the first repetition, 4 to 7 the second."""
    gates = [Gate(("rx", "ry")[turn % 2], (turn // 2 % 2,), weight(turn)) for turn in range(8)]
    circuit = angle_encoding(2, "y") >> circuit_of(2, gates, "rotations")
    layer = bank(circuit)
    before, x = layer.weights.detach().clone(), inputs(5, 1, 2)
    optimiser = natural(layer, metric=metric, damping=damping)
    infidelity(layer(x)).backward()
    gradient = layer.weights.grad[0].clone()
    optimiser.step()
    whole = FubiniStudy(circuit)(before, x)[0][0]
    sizes = {"full": [8], "layer": [4, 4], "diagonal": [1] * 8}[metric]
    blocks = torch.block_diag(*(torch.ones(size, size, dtype=F64) for size in sizes))
    change = torch.linalg.inv(whole * blocks + damping * torch.eye(8, dtype=F64)) @ gradient
    torch.testing.assert_close(before[0] - layer.weights.detach()[0], RATE * change, rtol=1e-6, atol=1e-9)


def test_it_is_the_same_step_in_other_coordinates() -> None:
    """θ = A φ with A = ((2, 1), (0, ½)): rotations about one axis add their angles up."""

    def circuit(first: list[Gate], second: list[Gate]):
        return circuit_of(2, [Gate("ry", (0,), input(0)), *first, Gate("x", (1,), controls=(0,)), *second], "charts")

    plain = circuit([Gate("rx", (0,), weight(0))], [Gate("ry", (1,), weight(1))])
    mixed = circuit([Gate("rx", (0,), 2 * weight(0)), Gate("rx", (0,), weight(1))], [Gate("ry", (1,), 0.5 * weight(1))])
    matrix = torch.tensor([[2, 1], [0, 0.5]], dtype=F64)
    moves = []
    for used, angles in ((plain, matrix @ inputs(2)), (mixed, inputs(2))):
        layer = bank(used)
        layer.weights.data[:] = angles
        optimiser = natural(layer)
        infidelity(layer(inputs(4, 1, 1, seed=5))).backward()
        optimiser.step()
        moves.append(layer.weights.detach()[0] - angles)
    torch.testing.assert_close(matrix @ moves[1], moves[0], rtol=1e-9, atol=1e-12)


def test_it_learns_a_state() -> None:
    layer = bank(ladder_entangling(2, 2))
    optimiser = natural(layer, damping=1e-3)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = infidelity(layer(inputs(1, 1, 0)))
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    assert all(after < before for before, after in pairwise(losses[:20]))
    assert losses[-1] < 1e-4 < losses[0]


class Chosen(QuantumLayer):
    """A bank of which each sample runs through one circuit: x (*batch, n_inputs) → (*batch, 2^n)."""

    def forward(self, x: Tensor, weights: Tensor | None = None, *, which: Tensor | None = None, **_) -> Tensor:
        own, row = pack(x.unsqueeze(-2), self.weights[which].unsqueeze(-2))
        return unpack(self.plan(own, row), x.shape[:-1]).squeeze(-2)


def test_each_chosen_circuit_moves_by_its_own_samples() -> None:
    """As a layer of its own would, with the loss's share of its samples; those without a sample stay."""
    which = torch.tensor([2, 0, 2, 2, 0])
    layer = Chosen(LADDER, state(), 3, generator=torch.Generator().manual_seed(0)).double()
    before, x = layer.weights.detach().clone(), inputs(5, 2)
    optimiser = natural(layer, damping=1e-3)
    infidelity(layer(x, which=which)).backward()
    optimiser.step()
    for place in (0, 2):
        single = bank()
        single.weights.data.copy_(before[place : place + 1])
        alone = natural(single, damping=1e-3)
        own = x[which == place].unsqueeze(1)
        (infidelity(single(own)) * len(own) / len(x)).backward()
        alone.step()
        torch.testing.assert_close(layer.weights[place], single.weights[0], rtol=1e-10, atol=1e-12)
    assert torch.equal(layer.weights[1], before[1])


def test_parts_of_a_batch_make_the_metric_of_the_whole() -> None:
    layers = [bank(n_circuits=2) for _ in range(2)]
    x = inputs(6, 2, 2)
    for layer, parts in zip(layers, ([x], [x[:1], x[1:]]), strict=True):
        optimiser = natural(layer, damping=1e-3)
        for part in parts:
            (infidelity(layer(part)) * len(part) / 6).backward()
        optimiser.step()
    torch.testing.assert_close(layers[0].weights, layers[1].weights, rtol=1e-10, atol=1e-12)


def test_the_running_mean_is_adams_without_bias() -> None:
    """ḡ_n = Σ ρ^(n-k) g_k / Σ ρ^(n-k) of the steps that reached a circuit."""
    keep, layer, counted = 0.6, Chosen(LADDER, state(), 2).double(), 0
    optimiser = natural(layer, damping=1e-3, averaging=keep)
    metrics: list[Tensor] = []
    for step, which in enumerate([[0, 1], [0, 0], [1, 0]]):
        x = inputs(2, 2, seed=step)
        metric, counts = FubiniStudy(LADDER)(layer.weights.detach(), x, torch.tensor(which))
        metrics.append(metric)
        counted += int(counts[0] > 0)
        optimiser.zero_grad()
        infidelity(layer(x, which=torch.tensor(which))).backward()
        optimiser.step()
    first = (keep**2 * metrics[0][0] + keep * metrics[1][0] + metrics[2][0]) / (keep**2 + keep + 1)
    second = (keep * metrics[0][1] + metrics[2][1]) / (keep + 1)
    found = optimiser.state[layer.weights]
    torch.testing.assert_close(found["metric"], torch.stack([first, second]), rtol=1e-10, atol=1e-12)
    assert found["step"].tolist() == [counted, 2]


class Mixed(nn.Module):
    """A linear map before a bank of circuits: (N, 1, 2) → (N, 1, 2), float32."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.bank = QuantumLayer(
            angle_encoding(2) >> basic_entangling(2, 2), generator=torch.Generator().manual_seed(0)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.bank(self.linear(x))


def test_all_else_is_adams_bit_for_bit() -> None:
    """With a rate of 0 for the angles, as with frozen ones."""
    ours, theirs = Mixed(), Mixed()
    theirs.load_state_dict(ours.state_dict())
    adam = torch.optim.Adam(theirs.linear.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True)
    x = inputs(5, 1, 2).float()
    for model, optimiser in ((ours, natural(ours, rate=0.0, damping=1e-2)), (theirs, adam)):
        for _ in range(10):
            optimiser.zero_grad()
            (model(x) - 1).square().sum().backward()
            optimiser.step()
    assert all(torch.equal(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_saved_state_goes_on_bit_for_bit() -> None:
    x = inputs(5, 1, 2).float()

    def go_on(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        for _ in range(3):
            optimiser.zero_grad()
            (model(x) - 1).square().sum().backward()
            optimiser.step()

    options = {"damping": 1e-2, "averaging": 0.9}
    whole = Mixed()
    optimiser = natural(whole, **options)
    go_on(whole, optimiser)
    again = Mixed()
    again.load_state_dict(whole.state_dict())
    restored = natural(again, **options)
    restored.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    go_on(whole, optimiser)
    go_on(again, restored)
    assert all(torch.equal(*pair) for pair in zip(whole.parameters(), again.parameters(), strict=True))


def noted(optimiser: NaturalGradient, layer: QuantumLayer) -> int:
    return sum(len(x) for x, _ in optimiser._circuits[layer.weights].seen.taken())


def test_only_passes_that_train_are_noted() -> None:
    layer, x = bank(), inputs(3, 1, 2)
    optimiser = natural(layer)
    layer(x)
    assert noted(optimiser, layer) == 3
    with torch.no_grad():
        layer(x)
    layer.eval()(x)
    layer.train()(x, layer.weights + 1)
    copy.deepcopy(layer)(x)
    layer.frozen()(x)
    assert noted(optimiser, layer) == 0
    layer(x)
    optimiser.step()
    assert noted(optimiser, layer) == 0


def test_an_optimiser_that_is_gone_notes_nothing() -> None:
    layer = bank()
    natural(layer)
    gc.collect()
    assert not layer._forward_hooks


NATURAL = NaturalConfig(1e-2, damping=1e-2, averaging=0.5)


def scrambled(folder: Path) -> Experiment:
    family = scrambling(folder)
    return replace(family, stages=tuple(replace(stage, optimiser=NATURAL) for stage in family.stages))


def chained(folder: Path) -> Experiment:
    """A fresh optimiser for each round."""
    family = chain(folder)
    return replace(family, stages=(replace(family.stages[0], optimiser=NATURAL),))


def hybrid(folder: Path) -> Experiment:
    """Circuits in a U-Net, in parts."""
    path = folder / "data.npz"
    if not path.exists():
        write_images(path)
    optimiser = replace(NATURAL, metric="layer", averaging=0.0)
    stage = Stage(steps=4, batch_size=4, optimiser=optimiser, accumulation=2, ema=EMAConfig(start=1, every=1))
    return tiny(path, model=QVUNET, stages=(stage,), checkpoint_every=2)


@pytest.mark.parametrize("family", [scrambled, chained, hybrid])
def test_stopped_it_ends_as_without_a_stop(family: Callable[[Path], Experiment], tmp_path: Path) -> None:
    experiment = family(tmp_path)
    whole = train(experiment, tmp_path / "whole")
    for step in (2,) if family is hybrid else (2, experiment.legs[0].end):
        with pytest.raises(Interrupted):
            train(experiment, tmp_path / f"{step}", progress=signal_at(step, signal.SIGTERM))
        stopped = resume(tmp_path / f"{step}")
        for part in ("state", "model", "stats", "samples"):
            assert outcome(stopped)[part] == outcome(whole)[part], (step, part)


def test_twice_the_rate_is_twice_the_way(tmp_path: Path) -> None:
    """The first step of a training from one start."""
    experiment = scrambled(tmp_path)
    ends = []
    for rate in (1e-30, 1.0, 2.0):
        stage = replace(experiment.stages[0], steps=1, optimiser=replace(NATURAL, circuit_rate=rate))
        run = train(replace(experiment, stages=(stage,), snapshots=()), tmp_path / f"{rate}")
        ends.append(load(list_checkpoints(run)[-1]).part("system")["denoiser.layers.0.weights"])
    torch.testing.assert_close(ends[2] - ends[0], 2 * (ends[1] - ends[0]), rtol=1e-4, atol=1e-6)
    assert not torch.equal(ends[1], ends[0])


def one_step(layer: QuantumLayer, x: Tensor, **options: object) -> None:
    optimiser = natural(layer, **options)
    infidelity(layer(x)).backward()
    optimiser.step()


REDUNDANT = circuit_of(1, [Gate("ry", (0,), weight(0)), Gate("ry", (0,), weight(1))], "redundant")


def test_a_singular_metric_is_refused_and_damping_helps() -> None:
    layer = bank(REDUNDANT)
    with pytest.raises(TrainingError, match=r"of redundant is singular: with a damping of 0 .*larger damping"):
        one_step(layer, inputs(1, 1, 0))
    with pytest.raises(TrainingError, match="damping of 1e-15"):
        one_step(layer, inputs(1, 1, 0), damping=1e-15)
    one_step(layer, inputs(1, 1, 0), damping=1e-6)
    assert layer.weights.isfinite().all()


def test_a_metric_that_is_not_finite_is_refused() -> None:
    layer = bank()
    with pytest.raises(TrainingError, match=r"is infinite or NaN, .*lower learning rate"):
        one_step(layer, torch.full((1, 1, 2), torch.nan, dtype=F64), damping=1e-3)


def test_angles_that_were_not_seen_to_run_are_refused() -> None:
    layer = bank()
    optimiser = natural(layer)
    infidelity(layer(inputs(2, 1, 2), layer.weights + 0)).backward()
    with pytest.raises(TrainingError, match="ran with weights that are not its own"):
        optimiser.step()


def test_without_circuits_it_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    path = write_images(tmp_path / "data.npz")
    with pytest.raises(UsageError, match="no circuit is trained here; choose adam"):
        train(tiny(path, stages=(Stage(steps=1, batch_size=8, optimiser=NaturalConfig()),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kinds", [(AdamConfig(), NaturalConfig()), (NaturalConfig(), AdamConfig())])
def test_nothing_is_carried_from_or_to_adam(kinds: tuple[AdamConfig, NaturalConfig], tmp_path: Path) -> None:
    experiment = scrambling(tmp_path)
    stages = tuple(replace(stage, optimiser=kind) for stage, kind in zip(experiment.stages, kinds, strict=True))
    with pytest.raises(UsageError, match=r"Stage depth-2 cannot carry over what .* remembers of angles"):
        train(replace(experiment, stages=stages), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"damping": -1e-3}, "damping is -0.001, but must be at least 0"),
        ({"damping": float("nan")}, "damping"),
        ({"averaging": 1.0}, "averaging is 1.0, but must be a number in"),
        ({"circuit_rate": 0.0}, "circuit_rate"),
    ],
)
def test_impossible_numbers_are_refused(changes: dict[str, float], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        NaturalConfig(**changes)
