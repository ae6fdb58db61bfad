"""The U-Nets as a whole, and in diffusers' pipelines."""

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler

import unet_reference as reference
from diffusion_toys import Bare
from qdiffusion.data import Space
from qdiffusion.diffusion import GaussianProcess, GaussianSampler, System, linear_betas
from qdiffusion.diffusion.steps import ancestral, ddim
from qdiffusion.errors import UsageError
from qdiffusion.models import QVUNet, QVUNetConfig, UNet, UNetConfig

TINY = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 4}
HYBRIDS = [
    QVUNetConfig(**TINY, circuits=1, ansatz="fqconv", n_layers=1),
    QVUNetConfig(**TINY, circuits="full", variant="released", n_layers=1),
]
CONFIGS = [UNetConfig(**TINY), UNetConfig(**TINY, variant="released"), *HYBRIDS]
MNIST = Space("images", (1, 28, 28), tuple(range(10)))
SMALL = Space("images", (1, 8, 8))


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def noisy(space: Space, count: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn((count, *space.shape), generator=torch.Generator().manual_seed(2), dtype=dtype)


def test_published_parameter_count():
    assert parameters(UNetConfig().build(MNIST)) == 483_321
    assert parameters(UNetConfig(variant="released").build(MNIST)) == 483_321


def test_network_is_the_papers_wired_as_in_the_paper():
    model, x = UNetConfig().build(MNIST).double(), noisy(MNIST, dtype=torch.float64)
    t = torch.tensor([3, 40])
    expected = reference.unet(model.state_dict(), x, t, dim=10, groups=10, heads=4, head_dim=32)
    torch.testing.assert_close(model(x, t).sample, expected, rtol=1e-5, atol=1e-5)


def test_every_parameter_is_reached_by_the_loss():
    """Two channels a group: the norm of a channel by itself would take the bias before it out again."""
    model = UNetConfig(**{**TINY, "groups": 2}).build(SMALL).double()
    model(noisy(SMALL, dtype=torch.float64), 5).sample.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad.abs() > 1e-9).all(), name


def test_timestep_for_all_equals_timestep_for_each():
    colour = Space("images", (3, 8, 8))
    model, x = UNetConfig(**TINY).build(colour), noisy(colour)
    one = model(x, 7).sample
    assert torch.equal(one, model(x, torch.tensor(7)).sample)
    assert torch.equal(one, model(x, torch.tensor([7, 7]), return_dict=False)[0])
    assert not torch.allclose(one, model(x, 8).sample)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{config.variant}")
@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_says_nearly_the_same(config, autocast):
    model, x = config.build(SMALL), noisy(SMALL)
    exact = model(x, 5).sample
    if autocast:
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(x, 5).sample
    else:
        rough = model.to(torch.bfloat16)(noisy(SMALL, dtype=torch.bfloat16), 5).sample
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_images_of_a_batch_do_not_see_each_other():
    model, t = HYBRIDS[0].build(SMALL).double(), torch.tensor([1, 50, 900])
    images = noisy(SMALL, 3, torch.float64)
    alone = torch.cat([model(images[i : i + 1], t[i : i + 1]).sample for i in range(3)])
    torch.testing.assert_close(model(images, t).sample, alone)


@pytest.mark.parametrize(
    ("model", "config"), [(UNet, UNetConfig(**TINY)), *((QVUNet, hybrid) for hybrid in HYBRIDS)], ids=str
)
@pytest.mark.parametrize(
    ("pipeline", "scheduler", "step", "options"),
    [
        (DDPMPipeline, DDPMScheduler, ancestral, {}),
        (DDIMPipeline, DDIMScheduler, ddim, {"use_clipped_model_output": True}),
    ],
)
def test_diffusers_pipelines_draw_what_our_sampling_draws(model, config, pipeline, scheduler, step, options):
    def draw() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        images = pipe(batch_size=2, num_inference_steps=3, output_type="np", generator=generator, **options).images
        return torch.from_numpy(images)

    pipe = pipeline(unet=model(**config.arguments(SMALL)), scheduler=scheduler(num_train_timesteps=10))
    pipe.set_progress_bar_config(disable=True)
    process = GaussianProcess(linear_betas(10))
    sampler = GaussianSampler(process, step, (6, 3, 0))
    expected = sampler(System(Bare(1, 8, 8), pipe.unet, process), 2, torch.Generator().manual_seed(0))
    assert expected.std() > 0
    torch.testing.assert_close(draw(), (expected / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1), rtol=0, atol=1e-5)
    assert torch.equal(draw(), draw())


@pytest.mark.parametrize(
    ("size", "levels"), [(8, 2), (9, 2), (7, 2), (28, 4), (32, 4), (16, 3), (16, 4), (64, 5), (23, 3)]
)
def test_images_of_many_sizes_come_back_in_their_own(size, levels):
    space = Space("images", (3, size, size))
    config = UNetConfig(dim=4, multipliers=tuple(range(1, levels + 1)), heads=1, head_dim=4, groups=4)
    assert config.build(space)(noisy(space, 1), 3).sample.shape == (1, 3, size, size)


@pytest.mark.parametrize(
    ("config", "size", "levels"),
    [(UNetConfig, 5, 2), (UNetConfig, 1, 2), (UNetConfig, 12, 4), (QVUNetConfig, 6, 2), (QVUNetConfig, 7, 1)],
)
def test_images_that_do_not_fit_are_refused_with_sizes_that_do(config, size, levels):
    tiny = config(dim=4, multipliers=(1,) * levels, groups=4, heads=1, head_dim=4)
    with pytest.raises(UsageError, match=f"{size}×{size}") as refusal:
        tiny.build(Space("images", (1, size, size)))
    advised = str(refusal.value).split("use images of ")[1].split(" pixels")[0].split(", ")
    assert len(advised) == 4
    for other in map(int, advised):
        tiny.build(Space("images", (1, other, other)))


@pytest.mark.parametrize("config", [UNetConfig(), QVUNetConfig()], ids=lambda config: config.kind)
@pytest.mark.parametrize("space", [Space("states", (16,)), Space("vectors", (16,))], ids=str)
def test_what_is_no_image_is_refused(config, space):
    with pytest.raises(UsageError, match=f"^A U-Net takes images, but was given {space};"):
        config.build(space)


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
        config(**options).build(MNIST)


@pytest.mark.usefixtures("unchecked")
def test_images_of_another_shape_are_refused():
    model = UNetConfig(**TINY).build(SMALL)
    for shape in ((2, 3, 8, 8), (2, 1, 12, 12), (1, 8, 8)):
        with pytest.raises(UsageError, match=r"\(1, 8, 8\)"):
            model(torch.zeros(shape), 1)
