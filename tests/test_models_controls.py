"""What stands in the circuits' place: as many parameters, or none, and never a circuit that mixes by accident."""

import math

import pytest
import torch
from torch import nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, basic_entangling, fqconv, hqconv, pauli_z
from qdiffusion.circuits.circuit import Gate, circuit_of, weight
from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import CapeceConfig, QuanvUNetConfig, QVUNetConfig
from qdiffusion.models.controls import ClassicalTwin, make_bank

MNIST = Space("images", (1, 28, 28))
HYBRIDS = (
    QVUNetConfig(),
    QVUNetConfig(ansatz="fqconv", circuits=7),
    QVUNetConfig(circuits="full"),
    QuanvUNetConfig(),
    CapeceConfig(ansatz="fqconv"),
)


def changed(config: object, **options: object) -> nn.Module:
    return type(config)(**{**vars(config), **options}).build(MNIST)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def angles(n_wires: int, n_circuits: int = 1) -> torch.Tensor:
    return torch.randn((5, n_circuits, n_wires), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("config", HYBRIDS)
@pytest.mark.parametrize("control", ["twin", "product"])
def test_a_control_of_equal_count_has_it(config: object, control: str) -> None:
    assert count(changed(config, control=control)) == count(changed(config))


@pytest.mark.parametrize("config", HYBRIDS)
@pytest.mark.parametrize("control", ["zero", "random"])
def test_circuits_that_are_off_leave_their_angles_out_of_the_count(config: object, control: str) -> None:
    hybrid = changed(config)
    quantum = sum(layer.weights.numel() for layer in hybrid.modules() if isinstance(layer, QuantumLayer))
    assert count(changed(config, control=control)) == count(hybrid) - quantum


@pytest.mark.parametrize("config", HYBRIDS[:1])
def test_twins_hold_no_circuit(config: object) -> None:
    for control in ("twin", "zero"):
        assert not any(isinstance(module, QuantumLayer) for module in changed(config, control=control).modules())


def test_the_twin_is_what_its_formula_says() -> None:
    """30 weights of 4 wires: 4 of the bias, 16 of x and 10 of sin x, handed out output by output."""
    twin = ClassicalTwin(4, 30, 2).double()
    x = angles(4, 2)
    expected = torch.zeros_like(x)
    for circuit in range(2):
        bias, rest = twin.weights[circuit, :4], twin.weights[circuit, 4:]
        for output in range(4):
            total = bias[output].expand(5).clone()
            for place in range(output, 26, 4):
                m, j = divmod(place // 4, 4)
                seen = x[:, circuit, (output + j) % 4]
                total += rest[place] * (seen if m == 0 else torch.sin(m * seen))
            expected[:, circuit, output] = total.tanh()
    torch.testing.assert_close(twin(x), expected)


def test_a_twin_of_few_weights_is_a_convolution() -> None:
    """Six weights of four wires: one bias, the four neighbours of x and the first of sin x, alike for each output."""
    twin = ClassicalTwin(4, 6, 1).double()
    x, (bias, *taps) = angles(4), twin.weights[0]
    seen = [x, x.roll(-1, -1), x.roll(-2, -1), x.roll(-3, -1), x.sin()]
    expected = (bias + sum(tap * each for tap, each in zip(taps, seen, strict=True))).tanh()
    torch.testing.assert_close(twin(x), expected)


@pytest.mark.parametrize(("n_wires", "n_weights"), [(512, 320), (128, 240), (12, 72), (4, 8), (4, 7), (4, 2)])
def test_every_output_of_a_twin_depends_on_its_inputs(n_wires: int, n_weights: int) -> None:
    twin = ClassicalTwin(n_wires, n_weights, 1).double()
    (slopes,) = torch.autograd.functional.jacobian(twin, angles(n_wires)[:1]).squeeze((1, 3, 4))
    assert bool(slopes.ne(0).any(1).all())
    assert bool(slopes.ne(0).any(0).all())


def test_every_parameter_of_a_twin_learns() -> None:
    for n_wires, n_weights in ((12, 84), (12, 72), (4, 16), (12, 400), (4, 3), (128, 240)):
        twin = ClassicalTwin(n_wires, n_weights, 1).double()
        twin(angles(n_wires)).square().sum().backward()
        assert twin.weights.grad is not None
        assert twin.weights.grad.ne(0).all()


def test_a_product_is_a_product_of_single_wires() -> None:
    """Each wire's ⟨Z⟩ moves with its own input alone, and equals the wire's own circuit."""
    circuit = angle_encoding(12, axis="x") >> hqconv(2)
    bank = make_bank(circuit, 1, "product").double()
    x = angles(12)
    out = bank(x)
    for wire in range(12):
        own = [gate for gate in circuit.gates[12:] if gate.targets == (wire,)]
        gates = [Gate("rx", (0,), weight(0)), *(Gate(gate.name, (0,), weight(1 + gate.angle.index)) for gate in own)]
        alone = QuantumLayer(circuit_of(1, gates, "alone", 1 + circuit.n_weights), pauli_z("each")).double()
        weights = torch.cat([x[:, :, wire : wire + 1], bank.weights.expand(5, 1, -1)], dim=-1)
        torch.testing.assert_close(alone(x[:, :, :0], weights)[..., 0], out[..., wire])


def test_the_circuit_itself_does_mix() -> None:
    """The same measurement on the circuits finds what the product has lost."""
    circuit = angle_encoding(12, axis="x") >> hqconv(2)
    x = angles(12)
    moved = x.clone()
    moved[..., 3] += 1
    for control, mixes in (("none", True), ("product", False)):
        torch.manual_seed(0)
        bank = make_bank(circuit, 1, control).double()
        others = [wire for wire in range(12) if wire != 3]
        assert bool(((bank(moved) - bank(x)).abs()[..., others] > 1e-6).any()) == mixes


def test_random_angles_are_saved_and_never_trained() -> None:
    bank = make_bank(angle_encoding(12) >> fqconv(3), 2, "random", span=2 * math.pi)
    assert not list(bank.parameters())
    assert bank.state_dict()["weights"].shape == (2, 72)
    torch.manual_seed(0)
    drawn = make_bank(angle_encoding(12) >> fqconv(3), 2, "random").weights
    torch.manual_seed(0)
    assert torch.equal(drawn, make_bank(angle_encoding(12) >> fqconv(3), 2, "none").weights)


def test_zero_gives_nothing() -> None:
    bank = make_bank(angle_encoding(4) >> basic_entangling(), 1, "zero")
    assert not bank(angles(4)).any()


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(UsageError, match="no control 'of'; choose none, twin, zero, random, product"):
        make_bank(angle_encoding(4) >> basic_entangling(), 1, "of")
