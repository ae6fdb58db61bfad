"""The QuanvU-Net: circuits that slide over the levels that are asked for, with any stride."""

import pytest
import torch
from torch import nn

from qdiffusion.circuits import QuantumLayer, angle_encoding, basic_entangling
from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import QuanvUNetConfig, QVUNetConfig, UNetConfig
from qdiffusion.models.patches import PatchCircuits
from qdiffusion.models.vertex import QResBlock

MNIST = Space("images", (1, 28, 28))
TINY = Space("images", (1, 8, 8))
SMALL = {"dim": 4, "multipliers": (1, 2, 2), "heads": 2, "head_dim": 4, "groups": 4, "n_layers": 1}


def small(**options: object) -> nn.Module:
    torch.manual_seed(1)
    return QuanvUNetConfig(**{**SMALL, **options}).build(TINY).double()


def features(channels: int, side: int, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn((count, channels, side, side), generator=generator, dtype=torch.float64)


def quantum_blocks(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, QResBlock)]


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize(("ansatz", "count"), [("hqconv", 473_817), ("fqconv", 473_721)])
def test_parameter_counts_of_the_released_form(ansatz: str, count: int, variant: str) -> None:
    model = QuanvUNetConfig(ansatz=ansatz, variant=variant).build(MNIST)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_twenty_channels_as_the_paper_draws_them_are_a_matter_of_the_multipliers() -> None:
    """Twenty channels at 14×14; the 474,293 parameters that the paper prints for them fit neither form."""
    model = QuanvUNetConfig(multipliers=(2, 2, 3, 4)).build(MNIST)
    assert model.encoder[1].first.second_norm.num_channels == 20
    assert model.encoder[1].first.first.rest.weight.shape[:2] == (17, 17)
    assert sum(parameter.numel() for parameter in model.parameters()) != 474_293


def test_no_circuit_at_all_is_the_classical_net() -> None:
    """Not one parameter more, and drawn from the same chance: the same function."""
    shape = {name: value for name, value in SMALL.items() if name != "n_layers"}
    torch.manual_seed(1)
    classical = UNetConfig(**shape).build(TINY).double()
    for model in (small(circuits=0, encoder_levels=()), QVUNetConfig(**SMALL, circuits=0)):
        if isinstance(model, QVUNetConfig):
            torch.manual_seed(1)
            model = model.build(TINY).double()
        x = features(1, 8)
        torch.testing.assert_close(model(x, 3).sample, classical(x, 3).sample, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"encoder_levels": (0,)}, {"encoder.0.first", "encoder.0.second"}),
        ({"encoder_levels": (), "decoder_levels": (1,)}, {"decoder.1.first", "decoder.1.second"}),
        (
            {"encoder_levels": (1,), "decoder_levels": (0,)},
            {"encoder.1.first", "encoder.1.second", "decoder.2.first", "decoder.2.second"},
        ),
    ],
)
def test_circuits_slide_where_they_are_asked_to(where: dict, expected: set[str]) -> None:
    """Level 0 has the images' size; the decoder holds its levels from the vertex up."""
    assert set(quantum_blocks(small(circuits=0, level_channels=1, **where))) == expected


@pytest.mark.parametrize(("stride", "side"), [(1, 5), (2, 6), (3, 8)])
def test_a_pixel_is_the_mean_of_the_patches_that_hold_it(stride: int, side: int) -> None:
    """Patch by patch, with plain loops; where none holds it, 0."""
    bank = QuantumLayer(angle_encoding(4) >> basic_entangling()).double()
    x = features(1, side)
    total, holders = torch.zeros_like(x), torch.zeros_like(x)
    for row in range(0, side - 1, stride):
        for column in range(0, side - 1, stride):
            patch = (slice(None), slice(None), slice(row, row + 2), slice(column, column + 2))
            total[patch] += bank(x[patch].flatten(2)).view(2, 1, 2, 2)
            holders[patch] += 1
    torch.testing.assert_close(PatchCircuits(bank, 1, stride=stride)(x), total / holders.clamp(min=1))


def test_the_second_pass_reads_the_input_in_the_program_and_the_hidden_features_in_the_paper() -> None:
    x, hidden = features(4, 4), features(4, 4).flip(0)
    for variant, read in (("paper", hidden), ("second_pass_reads_input", x)):
        block = small(encoder_levels=(0,), level_channels=3, circuits=0, variant=variant).encoder[0].first
        out = block.second_map(hidden, x, features(4, 4) + 1)
        torch.testing.assert_close(out[:, :3], block.second.head(read[:, :3]))
        torch.testing.assert_close(out[:, 3:], block.second.rest(hidden[:, 3:]))


def test_discarding_the_second_pass_is_of_the_vertex_alone() -> None:
    """The program's QuanResNet block has second circuits, and uses them."""
    model = QuanvUNetConfig(variant="released").build(MNIST)
    assert model.vertex_in.second_reads == "first"
    assert model.encoder[1].first.second_reads == "input"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_levels": (3,)}, "at level 3; the U-Net has levels 0 to 2"),
        ({"decoder_levels": (-1,)}, "at level -1; the U-Net has levels 0 to 2"),
        (
            {"level_circuits": 2, "encoder_levels": (0,)},
            "2 circuits of 3 channels each, and has 4 channels; give at most 1",
        ),
        (
            {"level_circuits": 2, "level_channels": 2, "encoder_levels": (), "decoder_levels": (0,)},
            "decoder got 2 circuits of 2 channels each, and has 4 channels; give at most 1",
        ),
        ({"encoder_levels": (), "control": "twin"}, "control 'twin' was asked for, but this network has no circuits"),
        ({"level_channels": 3, "encoder_levels": (0,), "stride": 4}, "8×8 pixels, of which patches of 2 with stride 4"),
        ({"stride": 0}, "1 circuits of 3 channels and stride 0; give at least 1 of each"),
    ],
)
def test_levels_and_circuits_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(circuits=0, **options)


def test_odd_sides_take_stride_1() -> None:
    with pytest.raises(UsageError, match=r"7×7 pixels.*use stride 1"):
        QuanvUNetConfig(encoder_levels=(2,)).build(MNIST)
    QuanvUNetConfig(encoder_levels=(2,), stride=1).build(MNIST)
