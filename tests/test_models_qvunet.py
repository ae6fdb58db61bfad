"""The quantum vertex: which pixels reach which circuit, and each deviation of the released program."""

from dataclasses import fields

import pytest
import torch

from qdiffusion.circuits import QuantumLayer, angle_encoding, basic_entangling, fqconv, hqconv, pauli_z
from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import PAPER, RELEASED, Deviations, QVUNet, QVUNetConfig, UNetConfig
from qdiffusion.models.patches import PatchCircuits
from qdiffusion.models.qvunet import QVUNetwork

SMALL = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 4, "n_layers": 2}
MNIST = Space("images", (1, 28, 28))
TINY_IMAGES = Space("images", (1, 4, 4))
NAMES = [field.name for field in fields(Deviations)]
OF_OTHER_BLOCKS = {name for name in NAMES if name.startswith("basic_circuit")} | {"second_pass_reads_input"}
"""Deviations of what this vertex does not have: 4-qubit circuits, and circuits at other levels."""


def small(circuits: int | str = 1, **options: object) -> QVUNetwork:
    """A vertex of 8 channels and 2 pixels: at most two circuits and two channels over."""
    torch.manual_seed(3)
    return QVUNetConfig(**SMALL, circuits=circuits, **options).build(TINY_IMAGES).double()


def features(channels: int, size: int) -> torch.Tensor:
    shape = (2, channels, size, size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def predict(model: QVUNetwork) -> torch.Tensor:
    return model(features(1, 4), torch.tensor([3, 300])).sample


def gradient(model: QVUNetwork, name: str) -> torch.Tensor:
    """The gradient of a random functional of the output, zero where the parameter is not used at all."""
    out = predict(model)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    model.zero_grad()
    (out * weights).sum().backward()
    parameter = model.get_parameter(name)
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize(
    ("circuits", "ansatz", "count"),
    [
        (1, "hqconv", 475_329),
        (1, "fqconv", 475_281),
        (7, "hqconv", 440_985),
        (7, "fqconv", 440_649),
        ("full", "hqconv", 429_993),
        ("full", "fqconv", 429_369),
    ],
)
def test_published_parameter_counts(circuits, ansatz, count, variant):
    model = QVUNetConfig(circuits=circuits, ansatz=ansatz, variant=variant).build(MNIST)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("pixel_major", [False, True])
@pytest.mark.parametrize(
    ("channels", "circuit"), [(3, angle_encoding(12) >> fqconv(1)), (1, angle_encoding(4) >> basic_entangling())]
)
def test_each_circuit_sees_its_channels_of_each_patch(channels, circuit, pixel_major):
    """Patch by patch, wire by wire, with plain loops."""
    bank = QuantumLayer(circuit, pauli_z("each"), n_circuits=2).double()
    x = features(2 * channels, 4)
    out = PatchCircuits(bank, channels, pixel_major)(x)
    for c in range(2):
        single = QuantumLayer(circuit, pauli_z("each")).double()
        single.weights.data = bank.weights.data[c : c + 1]
        for row in (0, 2):
            for column in (0, 2):
                wires = [None] * (4 * channels)
                for channel in range(channels):
                    for pixel in range(4):
                        place = (c * channels + channel, row + pixel // 2, column + pixel % 2)
                        wires[channels * pixel + channel if pixel_major else 4 * channel + pixel] = place
                angles = torch.stack([x[(slice(None), *place)] for place in wires], dim=-1)
                expected = single(angles[:, None])[:, 0]
                actual = torch.stack([out[(slice(None), *place)] for place in wires], dim=-1)
                torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("vertex", ["vertex_in", "vertex_out"])
@pytest.mark.parametrize("split", ["first", "second"])
def test_first_channels_take_circuits_and_the_rest_the_convolution(vertex, split):
    """Channels 0-2 go only through the circuit, 3-7 only through the convolution, and come out where they were."""
    channel_map = getattr(getattr(small(), vertex), split)
    x = features(8, 2)
    base = channel_map(x)
    for channel in range(8):
        changed = x.clone()
        changed[:, channel] += 0.5
        moved = (channel_map(changed) - base).abs().amax(dim=(0, 2, 3)) > 1e-9
        assert not moved[3:].any() if channel < 3 else not moved[:3].any()
        assert moved.any()
    assert base[:, :3].abs().max() <= 1


def test_full_vertex_leaves_no_convolution_and_one_basic_circuit_a_channel():
    model = small("full")
    for block in (model.vertex_in, model.vertex_out):
        for channel_map in (block.first, block.second):
            assert channel_map.head.bank.weights.shape == (2, 2 * 28)
            assert channel_map.rest.bank.weights.shape == (2, 16)


def test_only_the_vertexs_maps_differ_from_the_classical_network():
    shape = {name: value for name, value in SMALL.items() if name != "n_layers"}
    classical, hybrid = (
        {name: parameter.shape for name, parameter in model.named_parameters()}
        for model in (UNetConfig(**shape).build(TINY_IMAGES), small("full"))
    )
    maps = tuple(f"{block}.{split}." for block in ("vertex_in", "vertex_out") for split in ("first", "second"))
    assert {name for name in classical if name not in hybrid} == {
        f"{name}{kind}" for name in maps for kind in ("weight", "bias")
    }
    assert all(name.startswith(maps) for name in hybrid if name not in classical)
    assert all(hybrid[name] == classical[name] for name in classical if name in hybrid)


def test_angles_start_uniform_in_a_full_turn():
    angles = torch.cat(
        [
            p.flatten()
            for n, p in QVUNetConfig(circuits="full").build(MNIST).named_parameters()
            if n.endswith("bank.weights")
        ]
    )
    turns = (angles / (2 * torch.pi)).sort().values.double()
    assert turns.min() >= 0
    assert turns.max() <= 1
    steps = torch.arange(1, len(turns) + 1) / len(turns)
    assert (turns - steps).abs().max() < 2 / len(turns) ** 0.5


def test_basic_circuit_in_radians_starts_it_in_one_radian_instead_of_a_turn():
    paper, released = (small("full", variant=variant) for variant in ("paper", "basic_circuit_in_radians"))
    for name, weights in paper.named_parameters():
        factor = 2 * torch.pi if name.endswith("rest.bank.weights") else 1.0
        torch.testing.assert_close(factor * released.get_parameter(name), weights, rtol=1e-6, atol=0)


@pytest.mark.parametrize("ansatz", ["hqconv", "fqconv"])
@pytest.mark.parametrize("name", ["vertex_in.first", "vertex_in.second", "vertex_out.first", "vertex_out.second"])
def test_papers_variant_uses_every_angle(name, ansatz):
    model = small("full", ansatz=ansatz)
    for part in ("head", "rest"):
        assert (gradient(model, f"{name}.{part}.bank.weights").abs() > 1e-9).all()


@pytest.mark.parametrize("name", ["vertex_in.first", "vertex_out.first"])
def test_block_a_skipped_leaves_24_of_28_angles_dead(name):
    weights = f"{name}.head.bank.weights"
    skipped = gradient(small(variant="block_a_skipped"), weights).view(2, 28)
    assert (skipped[:, 4:] == 0).all()
    assert (skipped[:, :4].abs() > 1e-12).any()
    assert (gradient(small(), weights).abs() > 1e-12).all()


def test_block_a_skipped_lets_only_wires_4_and_8_compute():
    """The nine idle wires, and wire 0, which only controls, read out the cosine of their own pixel."""
    circuits = small(variant="block_a_skipped").vertex_in.first.head
    x = features(3, 2)
    computing = (circuits(x) - x.cos()).abs().amax(dim=0).flatten() > 1e-9
    assert computing.nonzero().flatten().tolist() == [4, 8]


@pytest.mark.parametrize("vertex", ["vertex_in", "vertex_out"])
def test_second_pass_discarded_leaves_its_circuits_dead(vertex):
    weights = f"{vertex}.second.head.bank.weights"
    assert (gradient(small(variant="second_pass_discarded"), weights) == 0).all()
    assert (gradient(small(), weights).abs() > 1e-9).any()


@pytest.mark.parametrize("circuits", ["full", "joint"])
def test_second_pass_discarded_means_nothing_to_a_vertex_without_a_convolution(circuits):
    """The program's full vertex uses its second 12-qubit circuits; it shares the 4-qubit circuit alone."""
    assert torch.equal(predict(small(circuits, variant="second_pass_discarded")), predict(small(circuits)))
    released = small(circuits, variant="released")
    for vertex in ("vertex_in", "vertex_out"):
        assert (gradient(released, f"{vertex}.second.head.bank.weights").abs() > 1e-12).any()


def test_second_pass_discarded_uses_the_first_circuits_outputs_again():
    block = small(variant="second_pass_discarded").vertex_in
    hidden, first = features(8, 2), features(8, 2).flip(0)
    out = block.second_map(hidden, hidden, first)
    assert torch.equal(out[:, :3], first[:, :3])
    torch.testing.assert_close(out[:, 3:], block.second.rest(hidden[:, 3:]))


def test_pixel_major_wires_are_a_permutation_of_inputs_and_outputs():
    """Position 4·channel + pixel of the input goes to wire 3·pixel + channel, and the output back."""
    paper, released = (small(variant=v).vertex_in.first.head for v in ("paper", "pixel_major_wires"))
    x = features(3, 2)
    wire_of_position = torch.tensor([3 * pixel + channel for channel in range(3) for pixel in range(4)])
    on_wires = torch.empty(2, 12, dtype=torch.float64)
    on_wires[:, wire_of_position] = x.flatten(1)
    expected = paper(on_wires.view(2, 3, 2, 2)).flatten(1)[:, wire_of_position].view(2, 3, 2, 2)
    torch.testing.assert_close(released(x), expected)
    assert not torch.allclose(released(x), paper(x))


@pytest.mark.parametrize("vertex", ["vertex_in", "vertex_out"])
def test_shared_basic_circuit_leaves_the_seconds_angles_dead(vertex):
    shared, paper = small("full", variant="basic_circuit_shared"), small("full")
    weights = f"{vertex}.second.rest.bank.weights"
    assert (gradient(shared, weights) == 0).all()
    assert (gradient(paper, weights).abs() > 1e-9).any()
    block = getattr(shared, vertex)
    hidden = features(8, 2)
    torch.testing.assert_close(block.second_map(hidden, hidden, hidden)[:, 6:], block.first.rest(hidden[:, 6:]))


@pytest.mark.parametrize("name", sorted(OF_OTHER_BLOCKS))
def test_deviations_of_other_blocks_mean_nothing_to_a_vertex_with_a_convolution(name):
    assert torch.equal(predict(small(variant=name)), predict(small()))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_OTHER_BLOCKS])
def test_each_deviation_alone_changes_what_the_network_says(name):
    assert not torch.allclose(predict(small(variant=name)), predict(small()), rtol=1e-6, atol=1e-9)


def test_released_is_all_deviations_together():
    assert Deviations.parse("released") == RELEASED == Deviations.parse(", ".join(NAMES))
    assert Deviations.parse("paper") == PAPER == Deviations()
    assert torch.equal(predict(small("full", variant="released")), predict(small("full", variant=",".join(NAMES))))


@pytest.mark.parametrize("name", NAMES)
def test_one_deviation_by_name(name):
    assert Deviations.parse(name) == Deviations(**{name: True})


@pytest.mark.parametrize("text", ["", "Paper", "paper,released", "block_a_skipped,,pixel_major_wires"])
def test_unknown_variants_are_refused(text):
    with pytest.raises(UsageError, match="paper, released"):
        Deviations.parse(text)


@pytest.mark.parametrize(("ansatz", "build"), [("hqconv", hqconv), ("fqconv", fqconv)])
def test_ansatz_and_direction_reach_the_circuit(ansatz, build):
    circuit = small(ansatz=ansatz, direction="formula").vertex_in.first.head.bank.circuit
    assert circuit == angle_encoding(12, axis="x") >> build(2, direction="formula")
    assert not torch.allclose(predict(small(ansatz=ansatz, direction="formula")), predict(small(ansatz=ansatz)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"circuits": 14}, "0 to 13"),
        ({"circuits": -1}, "0 to 13"),
        ({"circuits": "all"}, '"full"'),
        ({"ansatz": "conv"}, "hqconv or fqconv"),
        ({"n_layers": 0}, "1 layer"),
        ({"direction": "backwards"}, "backwards"),
    ],
)
def test_impossible_circuits_are_refused(options, match):
    with pytest.raises(UsageError, match=match):
        QVUNetConfig(**options).build(MNIST)


@pytest.mark.parametrize("circuits", [3, 4, "full"])
def test_a_vertex_that_is_a_multiple_of_three_needs_nothing_beside_its_circuits(circuits):
    model = QVUNet(
        sample_size=4,
        dim=12,
        multipliers=(1, 1),
        heads=1,
        head_dim=4,
        groups=4,
        circuits=circuits,
        n_layers=1,
        ansatz="fqconv",
    )
    channel_map, x = model.double().vertex_in.first, features(12, 4)
    n_head = 9 if circuits == 3 else 12
    assert torch.equal(channel_map(x)[:, :n_head], channel_map.head(x[:, :n_head]))
    assert torch.equal(channel_map(x)[:, n_head:], channel_map.rest(x[:, n_head:]))
    assert bool(list(channel_map.rest.parameters())) == (n_head < 12)
    one_by_one = torch.cat([model(features(1, 4)[i : i + 1], t).sample for i, t in enumerate((3, 300))])
    torch.testing.assert_close(predict(model), one_by_one)
