"""Capece's U-Net: its counts, where its circuit acts, and where the program departs from the text."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from qdiffusion.circuits import QuantumLayer
from qdiffusion.circuits.ansatze import fqconv
from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import CapeceConfig, CapeceDeviations
from qdiffusion.training.building import build_system
from qdiffusion.training.dead import dead_parameters
from qdiffusion.training.presets import get_preset

MNIST = Space("images", (1, 28, 28))
SMALL = CapeceConfig(widths=(16, 16, 32), time_dim=8, heads=2)
TINY = Space("images", (1, 11, 11))


def small(**options: object) -> nn.Module:
    torch.manual_seed(2)
    return CapeceConfig(**{**vars(SMALL), **options}).build(TINY).double()


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("ansatz", "variant", "expected"),
    [
        ("none", "paper", 6_884_273),
        ("none", "released", 6_884_297),  # with 24 angles that nothing goes through
        ("fqconv", "released", 6_884_273 + 24),
        ("hqconv", "released", 6_884_273 + 28),
        # Of each block's first convolution, the taken channels neither go in nor come out.
        ("fqconv", "paper", 6_884_273 + 24 - 9 * (256 * 128 - 232 * 104 + 128 * 128 - 116 * 116) - 24 - 12),
    ],
)
def test_parameter_counts(ansatz: str, variant: str, expected: int) -> None:
    assert count(CapeceConfig(ansatz=ansatz, variant=variant).build(MNIST)) == expected


def test_the_classical_program_has_24_dead_parameters() -> None:
    """Its count, 6,884,297, is that of the net without circuits and an FQConv circuit that it never calls."""
    experiment = replace(get_preset("capece-classical").build(), model=replace(SMALL, variant="released"))
    dead = dead_parameters(build_system(experiment, TINY))
    idle = [where for name, where in dead.items() if name.startswith("denoiser.idle_circuit")]
    assert [where.tolist() for where in idle] == [[24 * [True]]]


def test_a_block_is_two_convolutions_behind_their_norms() -> None:
    """The formula in its docstring, step by step."""
    block = small().vertex.first
    x, time = torch.randn(2, 32, 2, 2).double(), torch.randn(2, 8).double()
    h = block.first(functional.silu(functional.group_norm(x, 8, block.first_norm.weight, block.first_norm.bias)))
    h = h + block.time[1](functional.silu(time))[..., None, None]
    y = block.second(functional.silu(functional.group_norm(h, 8, block.second_norm.weight, block.second_norm.bias)))
    torch.testing.assert_close(block(x, time), y + block.residual(x))


def first_half(block: nn.Module, x: torch.Tensor, time: torch.Tensor, circuit: nn.Module) -> torch.Tensor:
    """What a block gives its second norm, without the noise level's part."""
    seen = []
    with block.second_norm.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        block(x, time, circuit)
    return seen[0] - block.time(time)[..., None, None]


def test_in_the_text_the_circuit_stands_instead_of_convolved_channels() -> None:
    """What it gives is untouched by the others, and they by it, up to the block's second half."""
    vertex = small(ansatz="fqconv", share=0.5).vertex
    block, bank = vertex.first, vertex.circuit.bank.bank
    x, time = torch.randn(2, 32, 2, 2).double(), torch.randn(2, 8).double()
    hidden = first_half(block, x, time, vertex.circuit)
    normed = functional.silu(block.first_norm(x))
    for group in range(5):
        own = slice(3 * group, 3 * group + 3)
        torch.testing.assert_close(hidden[:, own].flatten(1), bank(normed[:, own].flatten(1)[:, None])[:, 0])
    torch.testing.assert_close(hidden[:, 15:], block.first(normed[:, 15:]))


def test_in_the_program_the_convolution_reads_what_the_circuit_gives() -> None:
    model = small(ansatz="fqconv", share=0.5, variant="circuits_before_convs")
    block, circuit = model.vertex.first, model.vertex.circuit
    x, time = torch.randn(2, 32, 2, 2).double(), torch.randn(2, 8).double()
    read = torch.cat([circuit(x[:, :15]), x[:, 15:]], dim=1)
    expected = block.first(functional.silu(block.first_norm(read)))
    torch.testing.assert_close(first_half(block, x, time, circuit), expected)
    classical = small().state_dict()
    missing = set(model.state_dict()) - set(classical)
    assert all("circuit" in name for name in missing)  # every weight of the classical net is taken over
    assert all(classical[name].shape == model.state_dict()[name].shape for name in classical)


def test_fqconv_of_the_program_takes_turns_along_the_pixels() -> None:
    """Pixels 3, 2, 1, 0 of channel 0 control those of channel 2: CRZ, CRX, CRZ, CRX, then the other way about."""
    gates = fqconv(1, alternating=True).gates
    assert [(gate.name, gate.controls[0], gate.targets[0]) for gate in gates[:8]] == [
        ("rz", 3, 11), ("rx", 2, 10), ("rz", 1, 9), ("rx", 0, 8),
        ("rx", 3, 11), ("rz", 2, 10), ("rx", 1, 9), ("rz", 0, 8),
    ]  # fmt: skip
    assert [gate.wires for gate in gates] == [gate.wires for gate in fqconv(1).gates]
    assert [gate.angle for gate in gates] == [gate.angle for gate in fqconv(1).gates]


def test_angles_of_the_program_are_wide() -> None:
    """U(0, 2π) is never negative; N(0, π²) is, for every second angle, and has standard deviation π."""
    wide, narrow = (
        torch.cat([layer.weights.flatten() for _ in range(60) for layer in angles(variant)])
        for variant in ("wide_angles", "paper")
    )
    assert narrow.min() >= 0
    assert narrow.max() <= 2 * math.pi
    assert abs(wide.mean()) < 0.3
    assert abs(wide.std() - math.pi) < 0.3


def angles(variant: str) -> list[QuantumLayer]:
    model = CapeceConfig(**{**vars(SMALL), "ansatz": "fqconv", "share": 0.5, "variant": variant}).build(TINY)
    return [module for module in model.modules() if isinstance(module, QuantumLayer)]


def test_its_deviations_are_switches() -> None:
    assert CapeceDeviations.parse("released") == CapeceDeviations(True, True, True, True)
    with pytest.raises(UsageError, match="no variant 'block_a_skipped'; give paper, released, or some of circuits_bef"):
        CapeceDeviations.parse("block_a_skipped")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.05, "ansatz": "hqconv"}, "A share of 0.05 of 32 channels .*; give 0.094 to 1"),
        ({"share": 1.5, "ansatz": "hqconv"}, "A share of 1.5 of 32 channels"),
        ({"share": math.nan, "ansatz": "hqconv"}, "A share of nan of 32 channels"),
        ({"share": math.inf, "ansatz": "hqconv"}, "A share of inf of 32 channels"),
        ({"share": 1.0, "ansatz": "hqconv"}, "puts 30 of the vertex's 32 channels .* has to make 16"),
        ({"control": "twin"}, "control 'twin' was asked for, but this network has no circuits"),
        ({"heads": 3}, "3 heads and 8 groups do not both divide"),
        ({"widths": (16,)}, "two or more positive whole numbers"),
        ({"time_dim": 7}, "The time embedding has 7 features"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(**options)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="where the model needs"):
        CapeceConfig(ansatz="hqconv").build(Space("images", (1, 24, 24)))
