"""The order of the items, and their flips."""

import pytest
import torch
from torch import Tensor

from qdiffusion.data import ImageSet, ItemSet, StateSet
from qdiffusion.errors import UsageError
from qdiffusion.training import Experiment, Stage
from qdiffusion.training.batches import Batches, all_finite, derived_seed
from qdiffusion.training.setup import make_batches


def numbered(count: int, labels: Tensor | None = None) -> ImageSet:
    """Images of 2×3 pixels, each of which carries its own number, and no two columns alike."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1) + torch.tensor([0, 50, 100], dtype=torch.uint8)
    return ImageSet("numbers", "train", images.expand(-1, 1, 2, 3).contiguous(), labels, "numbers", 0)


def taken(batches: Batches, step: int) -> Tensor:
    return batches[step].places


def test_an_epoch_takes_no_item_twice_and_drops_the_incomplete_batch() -> None:
    batches = Batches(numbered(11), 3, (0,))
    epochs = [torch.cat([taken(batches, epoch * 3 + place) for place in range(3)]) for epoch in range(50)]
    for epoch in epochs:
        assert len(epoch.unique()) == 9
    assert torch.cat(epochs).unique().tolist() == list(range(11))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 50


def test_items_and_labels_are_those_of_their_places() -> None:
    labels = torch.arange(11) % 3
    images = numbered(11, labels)
    for step in range(8):
        batch = Batches(images, 4, (0,))[step]
        assert torch.equal(batch.items, images.images[batch.places])
        assert torch.equal(batch.labels, labels[batch.places])
    assert Batches(numbered(11), 4, (0,))[0].labels is None


def test_a_batch_is_a_function_of_key_and_step_alone() -> None:
    images = numbered(20)
    forwards = [taken(Batches(images, 4, (5, 1)), step).tolist() for step in range(15)]
    jumping = Batches(images, 4, (5, 1))
    state = torch.get_rng_state()
    assert [taken(jumping, step).tolist() for step in reversed(range(15))] == forwards[::-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert [taken(Batches(images, 4, (5, 2)), step).tolist() for step in range(15)] != forwards


def turned(batches: Batches, step: int) -> list[bool]:
    """Which images of a batch are mirror images; the others are as they were."""
    batch = batches[step]
    plain = batches.items.items[batch.places]
    mirrored = torch.stack([torch.fliplr(image[0]).unsqueeze(0) for image in plain])
    flipped = [torch.equal(item, mirror) for item, mirror in zip(batch.items, mirrored, strict=True)]
    for item, image, is_flipped in zip(batch.items, plain, flipped, strict=True):
        assert is_flipped != torch.equal(item, image)
    return flipped


def test_flipped_images_are_mirror_images_and_half_of_them() -> None:
    batches = Batches(numbered(100), 20, (0,), flips=(7,))
    flips = [turn for step in range(50) for turn in turned(batches, step)]
    # Of 1,000 tosses of a coin, within five standard deviations.
    assert abs(sum(flips) - 500) < 5 * 1000**0.5 / 2


def test_flips_are_a_function_of_key_and_step_alone() -> None:
    images = numbered(40)
    batches = Batches(images, 20, (0,), flips=(7, 1))
    forwards = [turned(batches, step) for step in range(10)]
    state = torch.get_rng_state()
    jumping = Batches(images, 20, (0,), flips=(7, 1))
    assert [turned(jumping, step) for step in reversed(range(10))] == forwards[::-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert len({tuple(flips) for flips in forwards}) == 10
    assert [turned(Batches(images, 20, (0,), flips=(7, 2)), step) for step in range(10)] != forwards
    for step in range(10):
        assert torch.equal(taken(batches, step), taken(Batches(images, 20, (0,)), step))


def made(items: ItemSet, seed: int = 0, **stage: bool) -> list[Batches]:
    """The batches of two equal stages."""
    experiment = Experiment("x", stages=(Stage(steps=4, batch_size=4, **stage),) * 2, seed=seed)
    return [make_batches(experiment, items, leg) for leg in experiment.legs]


def test_only_a_stage_that_says_so_flips_each_by_its_own_seed() -> None:
    images = numbered(40)
    assert not any(turn for batches in made(images) for step in range(10) for turn in turned(batches, step))
    flips = [
        [turned(batches, step) for step in range(10)] for seed in (0, 1) for batches in made(images, seed, flips=True)
    ]
    assert len({str(each) for each in flips}) == 4


def test_states_have_no_mirror_image() -> None:
    states = StateSet("x", "train", torch.eye(8, dtype=torch.complex64), "eight states")
    with pytest.raises(UsageError, match="Flipping takes images, but was given states"):
        made(states, flips=True)


def test_too_few_items_are_refused() -> None:
    with pytest.raises(UsageError, match=r"takes 8 items, but the training set has 7"):
        Batches(numbered(7), 8, (0,))


def test_derived_seeds_differ() -> None:
    keys = [(seed, purpose, index) for seed in range(20) for purpose in range(8) for index in range(20)]
    assert len({derived_seed(*key) for key in keys}) == len(keys)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_all_finite(bad: float) -> None:
    assert all_finite([torch.zeros(3), torch.ones(2, dtype=torch.int64)])
    assert not all_finite([torch.zeros(3), torch.tensor([1.0, bad])])
