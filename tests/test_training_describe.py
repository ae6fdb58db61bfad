"""Descriptions count what is there, and find the parameters that cannot learn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from qdiffusion.models import QVUNet
from qdiffusion.training import describe, get_preset
from qdiffusion.training.dead import dead_parameters
from training_tiny import QVUNET, tiny, write_images


class Denoiser(nn.Module):
    """Linear in the image, with parameters of every fate: (N, 4, H, W) → (N, 4, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = nn.Parameter(torch.randn(4, 1, 1))
        self.faint = nn.Parameter(torch.randn(()))
        self.partly = nn.Parameter(torch.randn(6))
        self.unused = nn.Parameter(torch.randn(2))
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm = nn.GroupNorm(4, 4)
        self.wide_norm = nn.GroupNorm(1, 4)
        self.shift = nn.Parameter(torch.randn(4, 1, 1))

    def forward(self, sample: Tensor, timestep: Tensor, return_dict: bool = True) -> tuple[Tensor]:
        x = self.norm(self.conv(sample)) + timestep[:, None, None, None]
        x = self.wide_norm(x + self.shift)
        return (x * self.alive + self.partly[:3].sum() + 1e-9 * self.faint,)


def test_dead_parameters_are_found_by_gradient() -> None:
    dead = dead_parameters(Denoiser(), (4, 6, 6), timesteps=10)
    assert {name: where.flatten().tolist() for name, where in dead.items() if where.any()} == {
        "partly": [False, False, False, True, True, True],
        "unused": [True, True],
        "conv.bias": [True] * 4,
    }


@pytest.mark.parametrize(
    ("preset", "total", "quantum", "banks"),
    [
        ("unet-classical", 483_321, 0, 0),
        ("qvunet-1hq", 475_329, 4 * 84, 4),
        ("qvunet-7fq", 440_649, 4 * 7 * 72, 4),
        ("qvunet-full-hq", 429_993, 4 * (13 * 84 + 16), 8),
    ],
)
def test_published_counts(preset: str, total: int, quantum: int, banks: int) -> None:
    described = describe(get_preset(preset).build())
    counts = described.parameters
    assert (counts.total, counts.quantum, counts.classical) == (total, quantum, total - quantum)
    assert counts.dead == counts.dead_classical + counts.dead_quantum
    assert len(described.circuits) == banks
    assert sum(circuit.n_circuits * circuit.n_weights for circuit in described.circuits) == quantum
    assert sum(layer.parameters for layer in described.layers) == total


def test_what_the_released_program_leaves_dead() -> None:
    """Angles 4 … 27 of each layer's 28, and all of the second circuits, whose outputs are discarded."""
    experiment = get_preset("qvunet-1hq").build()
    released = describe(replace(experiment, model=replace(experiment.model, variant="released"))).parameters
    assert released.dead_quantum == 2 * (3 * 24) + 2 * 84
    assert describe(experiment).parameters.dead_quantum == 0


def test_only_biases_that_a_norm_takes_out_are_dead_in_the_classical_net() -> None:
    """Ten groups of ten channels: the level of width 10 in the encoder, that in the decoder, and the last block."""
    experiment = get_preset("unet-classical").build()
    model = experiment.model.build(1, 28)
    dead = dead_parameters(model, (1, 28, 28), 1000)
    found = {name: where for name, where in dead.items() if where.any()}
    assert found
    for name, where in found.items():
        assert name.endswith((".first.bias", ".second.bias"))
        assert where.shape == (10,)
        assert where.all()


def test_layers_follow_the_image_through_the_model(tmp_path: Path) -> None:
    experiment = tiny(write_images(tmp_path / "data.npz"), model=QVUNET)
    layers = describe(experiment).layers
    assert {layer.name: layer.output for layer in layers if layer.name in ("conv_in", "vertex_in", "conv_out")} == {
        "conv_in": (4, 8, 8),
        "vertex_in": (8, 4, 4),
        "conv_out": (1, 8, 8),
    }
    assert layers[-1].name == "conv_out"
    own_names = {name for name, _ in QVUNET.build(1, 8).named_modules()}
    assert {layer.name for layer in layers} <= own_names


def test_circuits_are_named_by_ansatz_and_place(tmp_path: Path) -> None:
    described = describe(tiny(write_images(tmp_path / "data.npz"), model=QVUNET))
    model = QVUNET.build(1, 8)
    assert isinstance(model, QVUNet)
    for circuit in described.circuits:
        layer = model.get_submodule(circuit.where)
        assert circuit.ansatz.startswith("fqconv")
        assert (circuit.n_wires, circuit.n_weights) == (12, layer.weights.shape[1])
        assert circuit.n_gates == len(layer.circuit.gates)


def test_alike_banks_share_a_drawing() -> None:
    described = describe(get_preset("qvunet-full-fq").build())
    assert [drawing.name for drawing in described.drawings] == [
        "angle_encoding(12, x) >> fqconv(n_layers=3)",
        "angle_encoding(4, x) >> basic_entangling(n_layers=4)",
    ]
    for drawing in described.drawings:
        banks = [circuit for circuit in described.circuits if circuit.where in drawing.banks]
        assert len(banks) == len(drawing.banks)
        assert drawing.n_circuits == sum(circuit.n_circuits for circuit in banks)
        assert {circuit.n_gates for circuit in banks} == {drawing.n_gates}
        assert drawing.read == tuple((wire, "Z") for wire in range(drawing.n_wires))
    assert sum(len(drawing.banks) for drawing in described.drawings) == len(described.circuits)


def test_images_need_not_be_read_where_their_channels_are_known(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data.npz")
    described = describe(tiny(data))
    data.unlink()
    assert describe(tiny(data), channels=1) == described


def test_dict_is_plain_and_table_prints_it(tmp_path: Path) -> None:
    described = describe(tiny(write_images(tmp_path / "data.npz"), model=QVUNET))
    plain = described.to_dict()
    assert json.loads(json.dumps(plain))["parameters"]["total"] == described.parameters.total
    assert {"name", "parameters", "circuits", "layers", "drawings"} == plain.keys()
    console = Console(record=True, width=120)
    with console.capture() as capture:
        console.print(described.table())
    text = capture.get()
    for word in ("vertex_attention", described.circuits[0].ansatz, f"{described.parameters.total:,}"):
        assert word in text
