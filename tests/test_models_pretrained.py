"""Networks as diffusers models: what a configuration says is what diffusers writes and reads."""

import json
import logging
from pathlib import Path

import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from safetensors.torch import save_file

from qdiffusion import models
from qdiffusion.data import Space
from qdiffusion.models import (
    AutoencoderConfig,
    CapeceConfig,
    MLPConfig,
    QuanvUNetConfig,
    QVUNetConfig,
    UNetConfig,
)

TINY = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 4}
GREY, COLOUR, VECTORS = (
    Space("images", (1, 8, 8), tuple(range(5))),
    Space("images", (3, 12, 12), tuple(range(3))),
    Space("vectors", (6,), tuple(range(4))),
)
CASES = [
    *(
        (config, space)
        for space in (GREY, COLOUR)
        for config in (
            UNetConfig(**TINY),
            UNetConfig(**TINY, variant="released", conditional=True),
            QVUNetConfig(**TINY, circuits=2, ansatz="fqconv", n_layers=1, conditional=True),
            QVUNetConfig(**TINY, circuits="full", variant="released", n_layers=1),
            QuanvUNetConfig(**TINY, encoder_levels=(0,), decoder_levels=(0,), n_layers=1, level_channels=1, stride=1),
            AutoencoderConfig(latent=5, width=3),
        )
    ),
    *((QVUNetConfig(**TINY, n_layers=1, control=control), GREY) for control in ("twin", "random")),
    (CapeceConfig(widths=(8, 16, 32), ansatz="fqconv", variant="released", share=0.2), Space("images", (1, 16, 16))),
    (MLPConfig(width=16, depth=2), VECTORS),
    (MLPConfig(width=16, depth=2, conditional=True), VECTORS),
]
EVERY = pytest.mark.parametrize(("config", "space"), CASES, ids=lambda case: str(getattr(case, "kind", case)))


@pytest.fixture
def heard(caplog):
    """What diffusers logs, from its notes on."""
    diffusers_logging.enable_propagation()
    level = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity(logging.INFO)
    yield caplog
    diffusers_logging.set_verbosity(level)
    diffusers_logging.disable_propagation()


def write(folder: Path, config: object, space: Space) -> dict:
    """diffusers' layout by hand, of random weights and buffers; returns them."""
    state = config.build(space).state_dict()
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.uniform_(0.02, 0.1)
    content = json.dumps({"_class_name": config.class_name, **config.arguments(space)})
    (folder / "config.json").write_text(content)
    save_file(state, folder / "diffusion_pytorch_model.safetensors")
    return state


@EVERY
def test_diffusers_loads_a_folder_written_without_it(config, space, tmp_path, heard):
    state = write(tmp_path, config, space)
    loaded = getattr(models, config.class_name).from_pretrained(tmp_path)
    assert not [record.message for record in heard.records if record.levelno >= logging.WARNING]
    torch.testing.assert_close(dict(loaded.state_dict()), state, rtol=0, atol=0)
    assert not loaded.training
    assert {name: loaded.config[name] for name in config.arguments(space)} == config.arguments(space)


@EVERY
def test_arguments_are_what_diffusers_writes(config, space, tmp_path):
    getattr(models, config.class_name)(**config.arguments(space)).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved.pop("_class_name") == config.class_name
    saved.pop("_diffusers_version")
    assert saved == config.arguments(space) == json.loads(json.dumps(config.arguments(space)))
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}


@EVERY
def test_the_network_without_diffusers_is_the_same(config, space):
    """Equal classes of parts, names and weights, from the same state of torch's generator."""
    torch.manual_seed(5)
    network = config.build(space)
    torch.manual_seed(5)
    model = getattr(models, config.class_name)(**config.arguments(space))
    torch.testing.assert_close(dict(network.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert isinstance(model, type(network))
    assert [type(part) for part in model.modules()][1:] == [type(part) for part in network.modules()][1:]


@pytest.mark.parametrize(
    "kind", [UNetConfig, QVUNetConfig, QuanvUNetConfig, CapeceConfig, MLPConfig, AutoencoderConfig]
)
def test_diffusers_defaults_are_those_of_the_configurations(kind):
    config, name = kind(), kind.class_name
    space = Space("vectors", (6,)) if name == "MLP" else Space("images", (1, 28, 28))
    model = getattr(models, name)(*([6] if name == "MLP" else []))
    assert json.loads(json.dumps({k: v for k, v in model.config.items() if k[0] != "_"})) == config.arguments(space)


@pytest.mark.parametrize(("config", "space"), [case for case in CASES if case[0].kind != "autoencoder"], ids=str)
def test_loaded_denoisers_answer_alike(config, space, tmp_path):
    network = config.build(space).eval()
    network.load_state_dict(write(tmp_path, config, space))
    loaded = getattr(models, config.class_name).from_pretrained(tmp_path)
    x = torch.randn((2, *space.shape), generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1, 2]) if getattr(config, "conditional", False) else None
    t = torch.tensor([3, 700])
    assert torch.equal(loaded(x, t, labels).sample, network(x, t, labels, return_dict=False)[0])


def test_loaded_autoencoders_answer_alike(tmp_path):
    config = AutoencoderConfig(latent=5, width=3)
    network = config.build(COLOUR)
    network.load_state_dict(write(tmp_path, config, COLOUR))
    loaded = models.Autoencoder.from_pretrained(tmp_path)
    images = torch.randint(256, (4, *COLOUR.shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    latents = network.eval().encode(images)
    assert torch.equal(loaded.encode(images), latents)
    assert torch.equal(loaded.decode(latents), network.decode(latents))
    assert loaded.space == network.space == Space("vectors", (5,), tuple(range(3)))
