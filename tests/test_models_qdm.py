"""Circuits as denoisers: counts, what is measured, levels, labels, against the reference simulator and PennyLane."""

import math

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, alternating_ladder, state, state_preparation, weights_as_inputs
from qdiffusion.circuits.reference import simulate, simulate_branches
from qdiffusion.data import Space
from qdiffusion.diffusion.amplitude_config import AmplitudeNoiseConfig
from qdiffusion.diffusion.infidelity import InfidelityObjective
from qdiffusion.diffusion.system import System
from qdiffusion.errors import UsageError
from qdiffusion.models import NNCPQCConfig, QDMConfig, RawConfig
from qdiffusion.models.complex_layers import ComplexLeakyReLU, unit

STATES = Space("states", (4,), (3, 5, 8))
LABELS = torch.tensor([0, 2, 3, 1])


def small(**options: object) -> nn.Module:
    torch.manual_seed(2)
    return QDMConfig(**{"n_levels": 3, "n_layers": 2, **options}).build(STATES).double()


def states(n: int, d: int = 4) -> Tensor:
    return unit(torch.randn(n, d, dtype=torch.complex128, generator=torch.Generator().manual_seed(3)))


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("n_layers", "angles"), [(2, 1500), (4, 3000)])
def test_the_published_numbers_of_angles(n_layers: int, angles: int) -> None:
    """150 and 300 a level, ten levels, on 8, 9 and 8 qubits."""
    assert count(QDMConfig(n_layers=n_layers).build(Space("states", (256,)))) == angles
    assert count(QDMConfig(n_layers=n_layers, time="shared").build(Space("states", (256,)))) == angles // 10


def test_ten_classes_take_four_qubits() -> None:
    """One state is left for no label; eight classes take four as well, seven three."""
    layers = [
        QDMConfig(conditional=True).build(Space("states", (8,), tuple(range(n)))).second.layer for n in (10, 8, 7)
    ]
    assert [layer.circuit.n_wires - 4 for layer in layers] == [4, 4, 3]


@pytest.mark.parametrize("activation", [False, True])
@pytest.mark.parametrize("n_ancillas", [0, 1, 2])
def test_branches_are_those_of_the_reference(n_ancillas: int, activation: bool) -> None:
    """Block by block, outcome by outcome, each level with its own angles, labels in front of the ancillas."""
    model = small(n_ancillas=n_ancillas, activation=activation, measured="drawn", conditional=True)

    def between(psi: Tensor) -> Tensor:
        return unit(ComplexLeakyReLU()(psi)[None])[0] if activation else psi

    x, t = states(4), torch.tensor([2, 0, 1, 2])
    left, probabilities = model.branches(x, t, LABELS)
    for psi, level, label, found, chances in zip(x, t, LABELS, left, probabilities, strict=True):
        first, second, third = (block.layer for block in (model.first, model.second, model.third))
        phi = between(simulate(first.circuit, psi, first.weights[level]))
        register = torch.kron(phi, nn.functional.one_hot(label, 4).to(phi))
        by_outcome = simulate_branches(second.circuit, register, second.weights[level])
        kept = by_outcome.reshape(-1, 4, 4 << n_ancillas).diagonal(dim1=0, dim2=2)
        for outcome in range(4 << n_ancillas):
            branch = kept[:, outcome]
            torch.testing.assert_close(chances[outcome], branch.abs().square().sum())
            last = simulate(third.circuit, between(unit(branch[None])[0]), third.weights[level])
            torch.testing.assert_close(found[outcome], last)


def test_post_selection_keeps_what_came_in() -> None:
    every = small(measured="drawn", conditional=True)
    kept = small(conditional=True)
    kept.load_state_dict(every.state_dict())
    x = states(4)
    all_states, probabilities = every.branches(x, 1, LABELS)
    state_kept, one = kept.branches(x, 1, LABELS)
    torch.testing.assert_close(state_kept[:, 0], all_states[torch.arange(4), 2 * LABELS])
    assert torch.equal(one, torch.ones(4, 1, dtype=torch.float64))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(4, dtype=torch.float64))


def test_a_step_is_pennylanes() -> None:
    """Rot on every wire, CNOTs from the last pair up and back; the ancilla post-selected on 0."""
    model, (psi,) = small(), states(1)

    @qml.qnode(qml.device("default.qubit"))
    def circuit(start, angles, n_wires):
        qml.StatePrep(start, wires=range(n_wires))
        for layer, chain in enumerate(angles.reshape(-1, n_wires, 3)):
            for wire, each in enumerate(chain):
                qml.Rot(*each, wires=wire)
            pairs = [(wire, wire + 1) for wire in reversed(range(n_wires - 1))]
            for pair in pairs if layer % 2 == 0 else pairs[::-1]:
                qml.CNOT(pair)
        return qml.state()

    def run(block, start, n_wires):
        return torch.as_tensor(circuit(start.numpy(), block.layer.weights[1].detach().numpy(), n_wires))

    two = torch.kron(run(model.first, psi, 2), torch.tensor([1, 0], dtype=torch.complex128))
    selected = run(model.second, two, 3)[::2]
    expected = run(model.third, selected / selected.norm(), 2)
    torch.testing.assert_close(model(psi[None], 1).sample[0], expected, rtol=0, atol=1e-10)


def test_zero_angles_and_an_even_number_of_layers_are_the_identity() -> None:
    model = small(n_layers=4)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    x = states(3)
    torch.testing.assert_close(model(x, 2).sample, x)


def test_shared_angles_are_told_the_level() -> None:
    """RX(2π t / T) on every wire before each block; at t = 0 nothing."""
    shared, own = small(time="shared", n_ancillas=0), small(n_ancillas=0)
    for mine, theirs in zip(shared.parameters(), own.parameters(), strict=True):
        theirs.data[:] = mine.data
    x = states(3)
    torch.testing.assert_close(shared(x, 0).sample, own(x, 0).sample)
    turn = torch.matrix_exp(-0.5j * 2 * math.pi / 3 * torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128))
    both = torch.kron(turn, turn)
    psi = x
    for block in (own.first, own.second, own.third):
        psi = block.layer(psi @ both.mT, which=torch.zeros(3, dtype=torch.int64))
    torch.testing.assert_close(shared(x, 1).sample, psi)


def test_without_labels_none_is_told() -> None:
    model, x = small(conditional=True), states(4)
    none = model(x, 1).sample
    torch.testing.assert_close(none, model(x, 1, torch.full((4,), 3)).sample)
    assert (none - model(x, 1, LABELS).sample).abs().amax(1)[[0, 1, 3]].min() > 1e-3


def test_a_drawn_step_averages_to_the_exact_loss_and_its_gradient_does_not() -> None:
    """E over outcomes of the fidelity is Σ p_b F_b; E of its gradient lacks Σ F_b ∂p_b."""
    torch.manual_seed(0)
    model = QDMConfig(n_levels=1, n_layers=1, measured="drawn").build(STATES).double()
    x, target = states(2).split(1)
    n = 4000
    chance = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    flat = {"x": x, "target": target, "t": torch.zeros(1, dtype=torch.int64)}
    many = {name: each.expand(n, *each.shape[1:]) for name, each in flat.items()} | {"chance": chance}
    process = AmplitudeNoiseConfig(timesteps=1).build(STATES, 0)
    system = System(RawConfig().build(STATES), model, process)
    losses = {}
    for name, draw in (("exact", flat), ("drawn", many)):
        loss, _ = InfidelityObjective().loss(system, {key: each[:, None] for key, each in draw.items()})
        losses[name] = (loss.detach(), torch.autograd.grad(loss, model.second.layer.weights)[0])
    torch.testing.assert_close(losses["drawn"][0], losses["exact"][0], rtol=0, atol=1e-3)

    def exact(weights: Tensor) -> Tensor:
        model.second.layer.weights.data = weights
        states_left, p = model.branches(x, 0)
        return 1 - (p * (target[:, None].conj() * states_left).sum(-1).abs().square()).sum()

    weights, step = model.second.layer.weights.data.clone(), 1e-5
    shifts = step * torch.eye(weights.numel(), dtype=torch.float64)
    slopes = torch.stack([(exact(weights + each) - exact(weights - each)) / (2 * step) for each in shifts]).detach()
    torch.testing.assert_close(losses["exact"][1][0], slopes, rtol=0, atol=1e-8)
    assert (losses["drawn"][1][0] - slopes).abs().max() > 0.01


def test_networks_may_give_the_angles() -> None:
    """NNCPQC: U with its own angles, then V with those of the level's network; 1,920 of them in the preset's size."""
    torch.manual_seed(1)
    model = NNCPQCConfig(n_levels=3, n_pairs=2, n_layers=2, width=8, depth=2).build(STATES).double()
    x, t = states(4), torch.tensor([0, 2, 2, 1])
    told = model(x, t).sample
    circuit = state_preparation(2) >> alternating_ladder(2, 2)
    for psi, level, found in zip(x, t, told, strict=True):
        angles = 2 * math.pi * model.networks[level](psi.abs()).sigmoid()
        for pair, each in enumerate(angles.chunk(2)):
            psi = simulate(circuit, psi, model.own.weights[3 * pair + level])
            psi = simulate(circuit, psi, each)
        torch.testing.assert_close(found, psi)
    preset = NNCPQCConfig(n_levels=1).build(Space("states", (256,)))
    assert preset.networks[0][-1].out_features == 1920
    assert count(preset.networks) == 256 * 64 + 64 + 4 * (64 * 64 + 64) + 64 * 1920 + 1920


def test_weights_as_inputs_are_the_same_gates() -> None:
    ansatz = alternating_ladder(2, 2)
    given, told = (
        QuantumLayer(state_preparation(2) >> each, state()).double() for each in (ansatz, weights_as_inputs(ansatz, 4))
    )
    x = states(3)
    together = torch.cat([x, given.weights.expand(3, -1).to(x.dtype)], dim=1)
    torch.testing.assert_close(told(together[:, None]), given(x[:, None]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_layers": 0}, "n_layers"),
        ({"n_levels": 0}, "n_levels"),
        ({"n_ancillas": -1}, "n_ancillas"),
    ],
)
def test_sizes_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        QDMConfig(**options)


def test_levels_and_labels_out_of_range_are_refused() -> None:
    model, x = small(conditional=True), states(2)
    with pytest.raises(UsageError, match=r"timesteps reach from 3 to 3; .* 0 … 2"):
        model(x, 3)
    with pytest.raises(UsageError, match=r"2 items got timesteps of shape \(3,\)"):
        model(x, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(UsageError, match=r"class labels reach from 0 to 4; .* 0 … 3"):
        model(x, 1, torch.tensor([0, 4]))
    with pytest.raises(UsageError, match="unconditional"):
        small()(x, 1, torch.tensor([0, 1]))
    with pytest.raises(UsageError, match="unconditional"):
        NNCPQCConfig(n_levels=1, n_pairs=1, n_layers=1).build(STATES).double()(x, 0, LABELS[:2])
    with pytest.raises(UsageError, match="labels"):
        QDMConfig(conditional=True).build(Space("states", (4,)))
