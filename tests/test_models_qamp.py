"""QAMP's hybrid U-Net: its counts, its circuits for each level and class, what its blocks compute."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from qdiffusion.circuits import QuantumLayer, conv_phase, hadamard_test, state, state_preparation, trainable_hermitian
from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import QAMPConfig, QAMPDeviations
from qdiffusion.models.complex_layers import ComplexLeakyReLU, ComplexLinear, unit
from qdiffusion.models.readouts import READOUTS, HermitianReadout
from qdiffusion.states import fidelity
from qdiffusion.training.building import build_system
from qdiffusion.training.dead import dead_parameters
from qdiffusion.training.presets import get_preset

STATES = Space("states", (8,), (0, 7))
SMALL = {"n_levels": 3, "n_wires": 2, "n_layers": 1, "width": 16, "n_observables": 3}


def small(**options: object) -> nn.Module:
    torch.manual_seed(2)
    return QAMPConfig(**{**SMALL, **options}).build(STATES).double()


def states(n: int, d: int = 8) -> Tensor:
    return unit(torch.randn(n, d, dtype=torch.complex128, generator=torch.Generator().manual_seed(3)))


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_released_configuration_has_861104_parameters() -> None:
    """48,000 angles: 160 in each of three blocks, for ten levels of ten classes; 8,192 in 16 observables."""
    space = Space("states", (256,), tuple(range(10)))
    model = QAMPConfig(variant="released").build(space)
    angles = sum(module.weights.numel() for module in model.modules() if isinstance(module, QuantumLayer))
    assert (count(model), angles, model.bottleneck.read.weight.numel()) == (861_104, 48_000, 8_192)
    assert count(model) - angles - 8_192 == 804_912


def test_a_twin_has_as_many_parameters() -> None:
    for variant in ("paper", "released"):
        hybrid, twin = (count(small(variant=variant, control=control)) for control in ("none", "twin"))
        assert hybrid == twin
    assert count(small(control="zero")) < count(small())


def test_every_level_of_every_class_has_circuits_of_its_own() -> None:
    """Moving one circuit's angles moves what is said of that level and class alone."""
    model, x = small(), states(6)
    t, labels = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 1, 0, 1, 0, 1])
    before = model(x, t, labels).sample
    for which in range(6):
        with torch.no_grad():
            model.bottleneck.third.weights[which] += 0.3
        after = model(x, t, labels).sample
        moved = (after - before).abs().amax(1) > 1e-9
        assert moved.nonzero().flatten().tolist() == [which]
        before = after


def test_states_come_out() -> None:
    for options in ({}, {"variant": "released"}, {"control": "twin"}, {"skip": False}, {"readout": "pauli"}):
        out = small(**options)(states(4), 1, torch.tensor([0, 1, 1, 0])).sample
        torch.testing.assert_close(out.norm(dim=1), torch.ones(4, dtype=torch.float64))


def test_without_skip_the_decoder_sees_the_bottleneck_alone_and_without_circuits_the_state_alone() -> None:
    x, labels = states(4), torch.tensor([0, 0, 1, 1])
    blind = small(skip=False, control="zero")(x, 0, labels).sample
    torch.testing.assert_close(blind, blind[:1].expand_as(blind))
    off = small(control="zero")
    torch.testing.assert_close(off(x, 0, labels).sample, off(x, 2, 1 - labels).sample)


@pytest.mark.parametrize(("start", "width"), [("identity", 16), ("threshold", 40)])
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_a_decoder_that_starts_as_the_identity_gives_the_noisy_state_back(variant: str, start: str, width: int) -> None:
    """But for a hundredth of the bottleneck's say, which is there to learn by; without it exactly."""
    x, labels = states(50), torch.arange(50) % 2
    options = {"start": start, "variant": variant, "width": width}
    exact = small(**options, control="zero")(x, 1, labels).sample
    torch.testing.assert_close(exact, x, rtol=0, atol=1e-6)
    near = small(**options)(x, 1, labels).sample
    assert 0 < 1 - fidelity(near, x).mean().item() < 0.01
    assert fidelity(small(variant=variant)(x, 1, labels).sample, x).mean() < 0.5


def test_what_is_told_to_such_a_decoder_may_be_a_threshold() -> None:
    """All hidden biases lowered by s: each part passes as far as it is above s, and no part below it."""
    x, labels = states(50), torch.arange(50) % 2
    model = small(start="threshold", width=32, control="zero")
    with torch.no_grad():
        model.decoder[0].bias.fill_(-0.2)
    parts = torch.view_as_real(x)
    expected = unit(torch.view_as_complex(torch.nn.functional.softshrink(parts, 0.2)))
    torch.testing.assert_close(model(x, 1, labels).sample, expected)


@pytest.mark.parametrize(("start", "least"), [("identity", 16), ("threshold", 32)])
def test_the_identity_of_what_is_not_seen_is_no_start(start: str, least: int) -> None:
    for options, given in (({"skip": False}, "no skip path"), ({"width": least - 1}, f"{least - 1} hidden reals")):
        with pytest.raises(UsageError, match=f"with {least} hidden reals or more, but has {given}"):
            small(start=start, **options)


@pytest.mark.parametrize("summed", [False, True])
def test_block_2_is_a_hadamard_test(summed: bool) -> None:
    """Against the circuit with its ancilla: ⟨Z⟩, and the state that outcome 0 leaves, or the sum of both branches."""
    model = small(variant="branches_summed" if summed else "paper", readout="probability")
    bottleneck, psi = model.bottleneck, states(3, 4)
    which = torch.tensor([0, 3, 5])
    relu = ComplexLeakyReLU()
    phi = unit(relu(bottleneck.first(psi, which=which)))
    test = QuantumLayer(state_preparation(3, (0, 1)) >> hadamard_test(conv_phase(2, 1)), state(), 6).double()
    test.weights.data = bottleneck.second.weights.data
    zero, one = test(phi, which=which).unflatten(1, (4, 2)).unbind(2)
    expected_z = zero.abs().square().sum(1) - one.abs().square().sum(1)
    tested = zero + one if summed else unit(zero)
    if summed:
        torch.testing.assert_close(tested, phi)
    last = bottleneck.third(unit(relu(tested)), which=which)
    expected = torch.cat([last.abs().square(), expected_z[:, None]], dim=1)
    torch.testing.assert_close(bottleneck(psi, which), expected)


def test_summing_the_branches_takes_the_circuits_gradient_but_for_the_ancilla() -> None:
    model = small(variant="branches_summed")
    told = model.bottleneck(states(4, 4), torch.tensor([0, 1, 2, 3]))
    weights = model.bottleneck.second.weights
    (by_rest,) = torch.autograd.grad(told[:, :-1].sum(), weights, retain_graph=True)
    (by_z,) = torch.autograd.grad(told[:, -1].sum(), weights)
    assert (by_rest == 0).all()
    assert (by_z[:4].abs() > 1e-9).any()


@pytest.mark.parametrize("n_wires", [2, 3])
def test_hermitian_readout_is_the_layers_own(n_wires: int) -> None:
    """`trainable_hermitian` on all wires, which goes by Pauli words."""
    readout = HermitianReadout(n_wires, 2).double()
    layer = QuantumLayer(state_preparation(n_wires), trainable_hermitian(*2 * [range(n_wires)])).double()
    layer.observable_weights.data = torch.cat([m.permute(2, 0, 1).flatten() for m in readout.weight.data])[None]
    psi = states(5, 1 << n_wires)
    torch.testing.assert_close(readout(psi), layer(psi[:, None])[:, 0])


def test_readouts_of_eight_wires_need_no_table_of_words() -> None:
    psi = states(2, 256).to(torch.complex64)
    assert READOUTS["hermitian"](8, 1)(psi).isfinite().all()


def test_complex_layers_are_complex_linear() -> None:
    layer = ComplexLinear(4, 3).double()
    x, phase = states(5, 4), torch.polar(torch.tensor(1.0).double(), torch.tensor(0.7).double())
    shift = layer(torch.zeros_like(x))
    torch.testing.assert_close(layer(phase * x) - shift, phase * (layer(x) - shift))


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_every_circuit_can_learn(variant: str) -> None:
    """Of every level and class, in every block."""
    model = QAMPConfig(**{**SMALL, "n_levels": 10}, variant=variant)
    experiment = replace(get_preset("qamp-binary").build(), model=model)
    dead = dead_parameters(build_system(experiment, Space("images", (1, 4, 4), (0, 1))))
    for block in ("first", "second", "third"):
        assert not dead[f"denoiser.bottleneck.{block}.weights"].all(dim=1).any()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("labels", "t", "message"),
    [
        (None, 0, "give 2 class labels, not none"),
        (torch.tensor([0]), 0, "give 2 class labels, not some"),
        (torch.tensor([0, 2]), 0, "class labels reach from 0 to 2; this model was made for 0 … 1"),
        (torch.tensor([0, 1]), 3, "timesteps reach from 3 to 3; this model was made for 0 … 2"),
    ],
)
def test_labels_and_levels_outside_the_trained_are_refused(labels: Tensor | None, t: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small()(states(2), t, labels)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ansatz": "none"}, "no ansatz 'none' for QAMP; choose conv-phase or conv-grover"),
        ({"readout": "x"}, "no readout 'x'"),
        ({"control": "random"}, "no control 'random'"),
        ({"start": "zero"}, "no start 'zero' for QAMP; choose random or identity or threshold"),
        ({"width": 0}, "QAMP got 0 width"),
        ({"variant": "new"}, "no variant 'new'; give paper, released, or some of real_encoder, branches_summed"),
    ],
)
def test_what_there_is_none_of_is_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(**options)


def test_unconditional_and_unlabelled() -> None:
    with pytest.raises(UsageError, match="needs labels"):
        QAMPConfig().build(Space("states", (8,)))
    with pytest.raises(UsageError, match="unconditional and got class labels"):
        small(conditional=False)(states(2), 0, torch.tensor([0, 1]))
    assert QAMPDeviations.parse("released") == QAMPDeviations(True, True)
