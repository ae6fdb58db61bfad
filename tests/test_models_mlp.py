"""The denoiser of vectors against plain formulas."""

import pytest
import torch

from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import MLPConfig
from qdiffusion.models.mlp import MLPNetwork
from unet_reference import silu, sub, time_embedding

SPACE = Space("vectors", (5,), tuple(range(3)))


def shaken(config: MLPConfig) -> MLPNetwork:
    """In float64 with random weights, so that no gain is 1 and no bias 0."""
    model, generator = config.build(SPACE).double(), torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model


def noisy(count: int = 2) -> torch.Tensor:
    return torch.randn((count, 5), generator=torch.Generator().manual_seed(8), dtype=torch.float64)


def linear(x, state, name):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(x, state, name):
    mean = x.mean(1, keepdim=True)
    variance = ((x - mean) ** 2).mean(1, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * state[f"{name}.weight"] + state[f"{name}.bias"]


def mlp(state, x, t, labels, width, depth):
    embedding = time_embedding(t, sub(state, "time_embedding"), width // 4)
    if labels is not None:
        embedding = embedding + state["time_embedding.classes.weight"][labels]
    h = linear(x, state, "linear_in")
    for i in range(depth):
        inner = linear(layer_norm(h, state, f"layers.{i}.norm"), state, f"layers.{i}.first")
        inner = inner + linear(silu(embedding), state, f"layers.{i}.embedding")
        h = h + linear(silu(inner), state, f"layers.{i}.second")
    return linear(layer_norm(h, state, "norm"), state, "linear_out")


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("labels", [None, torch.tensor([2, 0])])
def test_network_is_the_formulas(depth, labels):
    model = shaken(MLPConfig(width=16, depth=depth, conditional=labels is not None))
    x, t = noisy(), torch.tensor([3, 40])
    expected = mlp(model.state_dict(), x, t, labels, 16, depth)
    assert expected.shape == x.shape
    # Frequencies are float32, as diffusers has them.
    torch.testing.assert_close(model(x, t, labels).sample, expected, rtol=1e-5, atol=1e-4)


def test_timestep_for_all_equals_timestep_for_each():
    model, x = shaken(MLPConfig(width=16)), noisy()
    one = model(x, 7).sample
    assert torch.equal(one, model(x, torch.tensor(7)).sample)
    assert torch.equal(one, model(x, torch.tensor([7, 7]), return_dict=False)[0])
    assert not torch.allclose(one, model(x, 8).sample)


def test_every_parameter_is_reached_by_the_loss():
    model = shaken(MLPConfig(width=16))
    model(noisy(), 5).sample.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad.abs() > 1e-9).all(), name


def test_vectors_of_a_batch_do_not_see_each_other():
    model, x, t = shaken(MLPConfig(width=16)), noisy(3), torch.tensor([1, 50, 900])
    alone = torch.cat([model(x[i : i + 1], t[i : i + 1]).sample for i in range(3)])
    torch.testing.assert_close(model(x, t).sample, alone)


@pytest.mark.parametrize("space", [Space("images", (1, 28, 28)), Space("states", (16,))], ids=str)
def test_what_is_no_vector_is_refused(space):
    with pytest.raises(UsageError, match=f"^An MLP takes vectors, but was given {space};"):
        MLPConfig().build(space)


@pytest.mark.parametrize(
    ("options", "match"), [({"width": 8}, "at least 16"), ({"width": 20}, "multiple of 8"), ({"depth": 0}, "depth")]
)
def test_networks_that_cannot_be_built_are_refused(options, match):
    with pytest.raises(UsageError, match=match):
        MLPConfig(**options).build(SPACE)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(2, 4), (2, 5, 1), (5,)])
def test_vectors_of_another_length_are_refused(shape):
    with pytest.raises(UsageError, match=r"it takes \(5,\)"):
        MLPConfig(width=16).build(SPACE)(torch.zeros(shape), 1)
