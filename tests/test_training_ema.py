"""The averaged weights, against the closed form and against diffusers' own."""

from dataclasses import replace

import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from qdiffusion.training import EMAConfig
from qdiffusion.training.ema import EMA, decay_at

CONFIG = EMAConfig()


@pytest.mark.parametrize(
    ("step", "expected"),
    [(1, 0.0), (100, 0.0), (101, 0.0), (110, 1 - 10 ** (-2 / 3)), (1100, 1 - 1000 ** (-2 / 3)), (10**6, 0.995)],
)
def test_decay_has_the_closed_form(step: int, expected: float) -> None:
    assert decay_at(step, CONFIG) == pytest.approx(expected, rel=1e-12)


def weights_at(step: int) -> torch.Tensor:
    """Weights on a path of their own: (3,), float64."""
    return torch.tensor([step, step**0.5, (-1.0) ** step], dtype=torch.float64)


def module() -> nn.Module:
    model = nn.Linear(3, 1, bias=False).double()
    model.register_buffer("seen", torch.zeros(()))
    return model


@pytest.mark.parametrize("start", [100, 103])
def test_average_over_many_steps_has_the_closed_form(start: int) -> None:
    """Also where the start is no multiple of the ten steps between updates."""
    model = module()
    ema = EMA(model, replace(CONFIG, start=start))
    expected = weights_at(0)
    for step in range(1, 400):
        with torch.no_grad():
            model.weight.copy_(weights_at(step))
        ema.update(model, step)
        if step <= start:
            expected = weights_at(step)
        elif step % 10 == 0:
            keep = min(0.995, 1 - (step - start) ** (-2 / 3))
            expected = keep * expected + (1 - keep) * weights_at(step)
        torch.testing.assert_close(ema.system.weight[0], expected, rtol=1e-12, atol=0)


def test_agrees_with_diffusers_when_applied_every_step() -> None:
    model = module()
    config = EMAConfig(every=1)
    ema = EMA(model, config)
    theirs = EMAModel(model.parameters(), config.decay, update_after_step=config.start, use_ema_warmup=True)
    for step in range(1, 300):
        with torch.no_grad():
            model.weight.copy_(weights_at(step))
        ema.update(model, step)
        theirs.step(model.parameters())
        torch.testing.assert_close(ema.system.weight, theirs.shadow_params[0], rtol=1e-12, atol=0)


def test_buffers_are_copied_and_nothing_is_shared() -> None:
    model = module()
    ema = EMA(model, CONFIG)
    model.seen += 3
    assert ema.system.seen == 0
    ema.update(model, 200)
    assert ema.system.seen == 3
    assert not any(parameter.requires_grad for parameter in ema.system.parameters())
    assert model.weight.requires_grad


def test_without_decay_the_average_is_the_weights_and_nothing_is_stored() -> None:
    model = module()
    ema = EMA(model, EMAConfig(decay=0.0))
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.copy_(weights_at(step))
        ema.update(model, step)
        assert torch.equal(ema.system.weight[0], weights_at(step))
    assert ema.state_dict() == {}
    assert model.weight.requires_grad
    ema.load_state_dict({})
    assert ema.system is model
