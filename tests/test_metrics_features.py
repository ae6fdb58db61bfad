import json
import warnings
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qdiffusion.data import ImagesConfig, ImageSet, load_images
from qdiffusion.errors import DataError, UsageError
from qdiffusion.metrics import default_features, load_features

PACKAGED = {"mnist-cnn": 0.992, "fashion-mnist-cnn": 0.91}


def random_images(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def save_script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(path)
    return path


class LikeInception(nn.Module):
    """Features: the channel means; output: probabilities, of which the bias-free ones differ."""

    def forward(self, x: Tensor, return_features: bool = False, no_output_bias: bool = False) -> Tensor:
        assert x.dtype == torch.uint8
        means = x.float().mean(dim=(2, 3))
        if return_features:
            return means
        return means.softmax(1) if no_output_bias else (means + torch.arange(3)).softmax(1)


class Plain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float().mean(dim=(2, 3))[:, :2]


class Unsuited(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float()


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.float())


@pytest.mark.parametrize(("name", "minimum"), PACKAGED.items())
def test_packaged_networks_recognise_test_images_they_never_saw(name: str, minimum: float) -> None:
    images = load_images(ImagesConfig(name=name.replace("cnn", "subset")), "test")
    network = load_features(name)
    assert (network.logits(images.images).argmax(1) == images.labels).double().mean() >= minimum
    card = json.loads((files("qdiffusion.metrics") / "networks" / f"{name}.json").read_text())
    assert card["test_accuracy"] >= minimum
    assert {"data", "seed", "command", "versions"} <= card.keys()


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_features_do_not_depend_on_the_batch_and_make_the_logits(name: str) -> None:
    network, images = load_features(name), random_images(5, 1, 28, 28)
    features = network(images)
    assert features.shape == (5, network.num_features)
    assert not features.requires_grad
    one_by_one = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(features, one_by_one, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.network.head(features), network.logits(images))


def test_other_sizes_are_resized_as_documented_and_colour_is_refused() -> None:
    network, images = load_features("mnist-cnn"), random_images(3, 1, 14, 80)
    x = functional.interpolate(images.float() / 127.5 - 1, (28, 28), mode="bilinear", antialias=True)
    torch.testing.assert_close(network(images), network.network.features(x))
    with pytest.raises(UsageError, match=r"takes grey images.*3 channels"):
        network(random_images(2, 3, 28, 28))


def test_a_network_like_inception_gives_features_and_unbiased_logits(tmp_path: Path) -> None:
    network = load_features(save_script(LikeInception(), tmp_path / "inception-2015-12-05.pt"))
    assert (network.name, network.num_features, network.classifies) == ("inception-2015-12-05", 3, True)
    grey = random_images(4, 1, 8, 8)
    means = grey.float().mean(dim=(2, 3)).expand(4, 3)
    torch.testing.assert_close(network(grey), means)
    torch.testing.assert_close(network.logits(grey).softmax(1), torch.full((4, 3), 1 / 3))
    colour = random_images(4, 3, 8, 8)
    means = colour.float().mean(dim=(2, 3))
    torch.testing.assert_close(network(colour), means)
    torch.testing.assert_close(network.logits(colour).softmax(1), means.softmax(1))


def test_a_plain_network_gives_features_only(tmp_path: Path) -> None:
    network = load_features(save_script(Plain(), tmp_path / "plain.pt"))
    assert (network.num_features, network.classifies) == (2, False)
    images = random_images(4, 3, 8, 8)
    torch.testing.assert_close(network(images), images.float().mean(dim=(2, 3))[:, :2])


@pytest.mark.parametrize(
    ("module", "message"),
    [(Unsuited(), r"returns \(2, 3, 299, 299\)"), (Failing(), "does not take uint8 images")],
)
def test_unsuited_networks_are_refused_at_loading(tmp_path: Path, module: nn.Module, message: str) -> None:
    path = save_script(module, tmp_path / "unsuited.pt")
    with pytest.raises(DataError, match=message):
        load_features(path)


def test_missing_and_invalid_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no feature network inception\.pt; choose mnist-cnn or fashion-mnist-cnn"):
        load_features("inception.pt")
    (tmp_path / "text.pt").write_text("rubbish")
    torch.save({"weights": torch.ones(2)}, tmp_path / "weights.pt")
    for name in ("text.pt", "weights.pt"):
        with pytest.raises(DataError, match=f"{name} is not a TorchScript file"):
            load_features(tmp_path / name)


def test_default_networks_are_those_of_the_known_sets() -> None:
    images = load_images(ImagesConfig(name="fashion-mnist-subset"), "test")
    assert default_features(images) == "fashion-mnist-cnn"
    own = ImageSet("own:mnist", "test", images.images, None, "made up", 0)
    with pytest.raises(UsageError, match=r"own:mnist.*--features"):
        default_features(own)
