"""The classical U-Net as a whole, and as a diffusers model."""

import json

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler

import unet_reference as reference
from qdiffusion.diffusion import sample
from qdiffusion.errors import UsageError
from qdiffusion.models import QVUNet, QVUNetConfig, UNet, UNetConfig

TINY = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 4}
HYBRIDS = [
    QVUNetConfig(**TINY, circuits=1, ansatz="fqconv", n_layers=1),
    QVUNetConfig(**TINY, circuits="full", variant="released", n_layers=1),
]
CONFIGS = [UNetConfig(**TINY), UNetConfig(**TINY, variant="released"), *HYBRIDS]


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def noisy(model: UNet, count: int = 2) -> torch.Tensor:
    size = model.config.sample_size
    shape = (count, model.config.in_channels, size, size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=model.dtype)


def test_published_parameter_count():
    assert parameters(UNetConfig().build(1, 28)) == 483_321
    assert parameters(UNetConfig(variant="released").build(1, 28)) == 483_321


def test_network_is_the_papers_wired_as_in_the_paper():
    model = UNetConfig().build(1, 28).double()
    t = torch.tensor([3, 40])
    expected = reference.unet(model.state_dict(), noisy(model), t, dim=10, groups=10, heads=4, head_dim=32)
    torch.testing.assert_close(model(noisy(model), t).sample, expected, rtol=1e-5, atol=1e-5)


def test_every_parameter_is_reached_by_the_loss():
    """Two channels a group: the norm of a channel by itself would take the bias before it out again."""
    model = UNetConfig(**{**TINY, "groups": 2}).build(1, 8).double()
    model(noisy(model), 5).sample.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad.abs() > 1e-9).all(), name


def test_timestep_for_all_equals_timestep_for_each():
    model = UNetConfig(**TINY).build(3, 8)
    one = model(noisy(model), 7).sample
    assert torch.equal(one, model(noisy(model), torch.tensor(7)).sample)
    assert torch.equal(one, model(noisy(model), torch.tensor([7, 7]), return_dict=False)[0])
    assert not torch.allclose(one, model(noisy(model), 8).sample)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{config.variant}")
@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_says_nearly_the_same(config, autocast):
    model = config.build(1, 8)
    exact = model(noisy(model), 5).sample
    if autocast:
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(noisy(model), 5).sample
    else:
        rough = model.to(torch.bfloat16)(noisy(model), 5).sample
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_images_of_a_batch_do_not_see_each_other():
    model, t = HYBRIDS[0].build(1, 8).double(), torch.tensor([1, 50, 900])
    images = noisy(model, 3)
    alone = torch.cat([model(images[i : i + 1], t[i : i + 1]).sample for i in range(3)])
    torch.testing.assert_close(model(images, t).sample, alone)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{config.variant}")
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 12)])
def test_saved_and_loaded_models_answer_alike(config, channels, size, tmp_path):
    model = config.build(channels, size)
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert torch.equal(loaded(noisy(model), 11).sample, model(noisy(model), 11).sample)
    assert not loaded.training
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}
    saved = json.loads((tmp_path / "config.json").read_text())
    assert (saved["in_channels"], saved["sample_size"], saved["variant"]) == (channels, size, config.variant)


@pytest.mark.parametrize("config", [UNetConfig(**TINY), *HYBRIDS], ids=lambda config: f"{config.kind}")
@pytest.mark.parametrize(("pipeline", "scheduler"), [(DDPMPipeline, DDPMScheduler), (DDIMPipeline, DDIMScheduler)])
def test_diffusers_pipelines_draw_what_our_sampling_draws(config, pipeline, scheduler):
    def draw() -> torch.Tensor:
        images = pipe(
            batch_size=2, num_inference_steps=3, output_type="np", generator=torch.Generator().manual_seed(0)
        ).images
        return torch.from_numpy(images)

    pipe = pipeline(unet=config.build(1, 8), scheduler=scheduler(num_train_timesteps=10))
    pipe.set_progress_bar_config(disable=True)
    expected = sample(pipe.unet, pipe.scheduler, (2, 1, 8, 8), 3, torch.Generator().manual_seed(0))
    assert expected.std() > 0
    torch.testing.assert_close(draw(), (expected / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))
    assert torch.equal(draw(), draw())


@pytest.mark.parametrize(
    ("size", "levels"), [(8, 2), (9, 2), (7, 2), (28, 4), (32, 4), (16, 3), (16, 4), (64, 5), (23, 3)]
)
def test_images_of_many_sizes_come_back_in_their_own(size, levels):
    multipliers = tuple(range(1, levels + 1))
    model = UNet(sample_size=size, in_channels=2, dim=4, multipliers=multipliers, heads=1, head_dim=4, groups=4)
    assert model(noisy(model, 1), 3).sample.shape == (1, 2, size, size)


@pytest.mark.parametrize(
    ("model", "size", "levels"), [(UNet, 5, 2), (UNet, 1, 2), (UNet, 12, 4), (QVUNet, 6, 2), (QVUNet, 7, 1)]
)
def test_images_that_do_not_fit_are_refused_with_sizes_that_do(model, size, levels):
    options = {"dim": 4, "multipliers": (1,) * levels, "groups": 4, "heads": 1, "head_dim": 4}
    with pytest.raises(UsageError, match=f"{size}×{size}") as refusal:
        model(sample_size=size, **options)
    advised = str(refusal.value).split("use images of ")[1].split(" pixels")[0].split(", ")
    assert len(advised) == 4
    for other in advised:
        model(sample_size=int(other), **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dim": 10, "groups": 8}, "divisor of 10"),
        ({"dim": 5, "groups": 5}, "even"),
        ({"dim": 2, "groups": 2}, "at least 4"),
        ({"groups": 0}, "0 groups"),
        ({"multipliers": ()}, "multipliers"),
        ({"multipliers": (1, 0)}, "multipliers"),
        ({"heads": 0}, "0 heads"),
        ({"variant": "relased"}, "relased"),
    ],
)
@pytest.mark.parametrize("config", [UNetConfig, QVUNetConfig])
def test_networks_that_cannot_be_built_are_refused(config, options, match):
    with pytest.raises(UsageError, match=match):
        config(**options).build(1, 28)


@pytest.mark.usefixtures("unchecked")
def test_input_that_does_not_belong_is_refused():
    model = UNetConfig(**TINY).build(1, 8)
    with pytest.raises(UsageError, match="unconditional"):
        model(noisy(model), 1, class_labels=torch.tensor([0, 1]))
    for shape in ((2, 3, 8, 8), (2, 1, 12, 12), (1, 8, 8)):
        with pytest.raises(UsageError, match=r"\(1, 8, 8\)"):
            model(torch.zeros(shape), 1)


@pytest.mark.parametrize("config", [UNetConfig(), QVUNetConfig(circuits="full")])
def test_the_network_without_diffusers_is_the_same(config):
    """Equal names, weights and outputs, from the same state of torch's generator."""
    models = []
    for build in (config.build, config.network):
        torch.manual_seed(5)
        models.append(build(1, 28))
    model, network = models
    torch.testing.assert_close(dict(network.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([3, 700])
    assert torch.equal(network(x, t, return_dict=False)[0], model(x, t).sample)
