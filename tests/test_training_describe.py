"""Descriptions count what is there, and find the parameters that cannot learn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from qdiffusion.data import Space
from qdiffusion.diffusion import GaussianProcess, System, linear_betas
from qdiffusion.models import PixelsConfig
from qdiffusion.models.qvunet import QVUNetwork
from qdiffusion.runs.description import Description
from qdiffusion.training import Experiment, Stage, describe, get_preset
from qdiffusion.training.building import build_system
from qdiffusion.training.dead import dead_parameters
from qdiffusion.training.describe import _layers
from training_tiny import QVUNET, tiny, write_images

MNIST = Space("images", (1, 28, 28), tuple(range(10)))
SMALL = Space("images", (1, 8, 8), (0, 1))


def described(experiment: Experiment, space: Space | None = None) -> Description:
    """The description of an experiment's only model."""
    (description,) = describe(experiment, space)
    return description


class Denoiser(nn.Module):
    """Linear in the image, with parameters of every fate: (N, 3, H, W) → (N, 4, H, W)."""

    n_classes, levels = 0, 1

    def __init__(self) -> None:
        super().__init__()
        self.alive = nn.Parameter(torch.randn(4, 1, 1))
        self.faint = nn.Parameter(torch.randn(()))
        self.partly = nn.Parameter(torch.randn(6))
        self.unused = nn.Parameter(torch.randn(2))
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.GroupNorm(4, 4)
        self.wide_norm = nn.GroupNorm(1, 4)
        self.shift = nn.Parameter(torch.randn(4, 1, 1))

    def forward(
        self, sample: Tensor, timestep: Tensor, class_labels: None = None, return_dict: bool = True
    ) -> tuple[Tensor]:
        x = self.norm(self.conv(sample)) + timestep[:, None, None, None]
        x = self.wide_norm(x + self.shift)
        return (x * self.alive + self.partly[:3].sum() + 1e-9 * self.faint,)


def test_dead_parameters_are_found_by_gradient() -> None:
    space = Space("images", (3, 6, 6))
    dead = dead_parameters(System(PixelsConfig().build(space), Denoiser(), GaussianProcess(linear_betas(10))))
    assert {name: where.flatten().tolist() for name, where in dead.items() if where.any()} == {
        "denoiser.partly": [False, False, False, True, True, True],
        "denoiser.unused": [True, True],
        "denoiser.conv.bias": [True] * 4,
    }


def test_parts_that_do_not_run_have_the_output_of_their_like_or_none() -> None:
    """Circuits of other levels; a part of another shape, or that no list holds, says nothing."""
    denoiser = Denoiser()
    denoiser.steps = nn.ModuleList([nn.Identity()])
    denoiser.spare = nn.Conv2d(3, 7, 1)
    denoiser.nested = nn.Sequential(nn.Sequential())
    system = System(PixelsConfig().build(Space("images", (3, 6, 6))), denoiser, GaussianProcess(linear_betas(10)))
    found = {layer.name: layer.output for layer in _layers(system)}
    assert found == {"conv": (4, 6, 6), "norm": (4, 6, 6), "wide_norm": (4, 6, 6), "spare": ()}


@pytest.mark.parametrize("preset", ["unet-classical", "qamp-ten", "qdm-latent", "quddpm-cluster1"])
def test_every_parameter_stands_in_the_table_of_layers(preset: str) -> None:
    """Those of other levels, of parts that run piece by piece, and of a codec, too."""
    for model in describe(get_preset(preset).build()):
        assert sum(layer.parameters for layer in model.layers) == model.parameters.total
        assert all(layer.output for layer in model.layers if layer.parameters)


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
    description = described(get_preset(preset).build())
    counts = description.parameters
    assert (counts.total, counts.quantum, counts.classical) == (total, quantum, total - quantum)
    assert counts.dead == counts.dead_classical + counts.dead_quantum
    assert len(description.circuits) == banks
    assert sum(circuit.n_circuits * circuit.n_weights for circuit in description.circuits) == quantum
    assert sum(layer.parameters for layer in description.layers) == total


def test_what_the_released_program_leaves_dead() -> None:
    """Angles 4 … 27 of each layer's 28, and all of the second circuits, whose outputs are discarded."""
    experiment = get_preset("qvunet-1hq").build()
    released = described(replace(experiment, model=replace(experiment.model, variant="released"))).parameters
    assert released.dead_quantum == 2 * (3 * 24) + 2 * 84
    assert described(experiment).parameters.dead_quantum == 0


def test_dead_parameters_are_named_with_their_places() -> None:
    """Block B of the released HQConv reads the first 4 of a layer's 28 angles; its second circuits are not heard."""
    experiment = get_preset("qvunet-1hq").build()
    released = described(replace(experiment, model=replace(experiment.model, variant="released"))).dead
    named = {each.name: (each.count, each.size, each.places) for each in released}
    for vertex in ("vertex_in", "vertex_out"):
        bank = f"denoiser.{vertex}.{{}}.head.bank.weights"
        assert named[bank.format("first")] == (72, 84, "4-27, 32-55, 60-83")
        assert named[bank.format("second")] == (84, 84, "all")


def test_only_biases_that_a_norm_takes_out_are_dead_in_the_classical_net() -> None:
    """Ten groups of ten channels: the level of width 10 in the encoder, that in the decoder, and the last block."""
    dead = dead_parameters(build_system(get_preset("unet-classical").build(), MNIST))
    found = {name: where for name, where in dead.items() if where.any()}
    assert found
    for name, where in found.items():
        assert name.endswith((".first.bias", ".second.bias"))
        assert where.shape == (10,)
        assert where.all()


def test_layers_follow_the_image_through_the_model(tmp_path: Path) -> None:
    experiment = tiny(write_images(tmp_path / "data.npz"), model=QVUNET)
    layers = described(experiment).layers
    assert {layer.name: layer.output for layer in layers if layer.name in ("conv_in", "vertex_in", "conv_out")} == {
        "conv_in": (4, 8, 8),
        "vertex_in": (8, 4, 4),
        "conv_out": (1, 8, 8),
    }
    assert layers[-1].name == "conv_out"
    own_names = {name for name, _ in QVUNET.build(SMALL).named_modules()}
    assert {layer.name for layer in layers} <= own_names


def test_circuits_are_named_by_ansatz_and_place(tmp_path: Path) -> None:
    description = described(tiny(write_images(tmp_path / "data.npz"), model=QVUNET))
    model = QVUNET.build(SMALL)
    assert isinstance(model, QVUNetwork)
    assert description.circuits
    for circuit in description.circuits:
        layer = model.get_submodule(circuit.where)
        assert circuit.ansatz.startswith("fqconv")
        assert (circuit.n_wires, circuit.n_weights) == (12, layer.weights.shape[1])
        assert circuit.n_gates == len(layer.circuit.gates)


def test_alike_banks_share_a_drawing() -> None:
    description = described(get_preset("qvunet-full-fq").build())
    assert [drawing.name for drawing in description.drawings] == [
        "angle_encoding(12, x) >> fqconv(n_layers=3)",
        "angle_encoding(4, x) >> basic_entangling(n_layers=4)",
    ]
    for drawing in description.drawings:
        banks = [circuit for circuit in description.circuits if circuit.where in drawing.banks]
        assert len(banks) == len(drawing.banks)
        assert drawing.n_circuits == sum(circuit.n_circuits for circuit in banks)
        assert {circuit.n_gates for circuit in banks} == {drawing.n_gates}
        assert drawing.read == tuple((wire, "Z") for wire in range(drawing.n_wires))
    assert sum(len(drawing.banks) for drawing in description.drawings) == len(description.circuits)


def test_items_need_not_be_read_where_their_space_is_known(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data.npz")
    expected = describe(tiny(data))
    data.unlink()
    assert describe(tiny(data), SMALL) == expected


def test_every_model_of_the_stages_is_described_once_with_all_its_stages() -> None:
    other = replace(QVUNET, n_layers=2)
    experiment = Experiment(
        "x", model=QVUNET, stages=(Stage("a"), Stage("b", model=other), Stage("c"), Stage("d", model=QVUNET))
    )
    descriptions = describe(experiment, SMALL)
    assert [description.stage for description in descriptions] == ["a, d", "b, c"]
    for description, model in zip(descriptions, (QVUNET, other), strict=True):
        total = sum(parameter.numel() for parameter in model.build(SMALL).parameters())
        assert description.parameters.total == total
        assert description.circuits == described(Experiment("x", model=model), SMALL).circuits


def test_dict_is_plain_and_table_prints_it(tmp_path: Path) -> None:
    description = described(tiny(write_images(tmp_path / "data.npz"), model=QVUNET))
    plain = description.to_dict()
    assert json.loads(json.dumps(plain))["parameters"]["total"] == description.parameters.total
    assert {"name", "stage", "parameters", "dead", "circuits", "layers", "drawings"} == plain.keys()
    console = Console(record=True, width=120)
    with console.capture() as capture:
        console.print(description.table())
    text = capture.get()
    for word in ("vertex_attention", description.circuits[0].ansatz, f"{description.parameters.total:,}"):
        assert word in text


def test_every_label_of_a_conditional_model_is_asked(tmp_path: Path) -> None:
    """A row that no input was told of would count as dead; the rows start at zero and learn all the same."""
    experiment = tiny(write_images(tmp_path / "data.npz"), model=replace(QVUNET, conditional=True))
    dead = dead_parameters(build_system(experiment, SMALL))
    rows = dead["denoiser.time_embedding.classes.weight"]
    assert rows.shape[0] == 3
    assert not rows.any()


def test_dead_angles_of_a_channel_are_those_of_the_level_that_knows_nothing() -> None:
    """At the last of ten levels all states are 1/d, which no unitary changes: its 16 angles; of others none."""
    (found,) = described(get_preset("qdm-depolarising").build()).dead
    assert (found.count, found.places) == (16, "144-159")
