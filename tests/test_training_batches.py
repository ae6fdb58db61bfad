"""The order of the images."""

import pytest
import torch

from qdiffusion.errors import UsageError
from qdiffusion.training.batches import Batches, all_finite, derived_seed


def test_an_epoch_takes_no_image_twice_and_drops_the_incomplete_batch() -> None:
    batches = Batches(torch.arange(11), 3, (0,))
    epochs = [torch.cat([batches[epoch * 3 + place] for place in range(3)]) for epoch in range(50)]
    for epoch in epochs:
        assert len(epoch.unique()) == 9
    assert torch.cat(epochs).unique().tolist() == list(range(11))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 50


def test_a_batch_is_a_function_of_key_and_step_alone() -> None:
    images = torch.arange(20)
    forwards = [Batches(images, 4, (5, 1))[step].tolist() for step in range(15)]
    jumping = Batches(images, 4, (5, 1))
    state = torch.get_rng_state()
    assert [jumping[step].tolist() for step in reversed(range(15))] == forwards[::-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert [Batches(images, 4, (5, 2))[step].tolist() for step in range(15)] != forwards


def test_too_few_images_are_refused() -> None:
    with pytest.raises(UsageError, match=r"takes 8 images, but the training set has 7"):
        Batches(torch.arange(7), 8, (0,))


def test_derived_seeds_differ() -> None:
    keys = [(seed, purpose, index) for seed in range(20) for purpose in range(4) for index in range(20)]
    assert len({derived_seed(*key) for key in keys}) == len(keys)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_all_finite(bad: float) -> None:
    assert all_finite([torch.zeros(3), torch.ones(2, dtype=torch.int64)])
    assert not all_finite([torch.zeros(3), torch.tensor([1.0, bad])])
