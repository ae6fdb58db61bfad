"""Feature networks: the spaces in which samples are compared with real images."""

import warnings
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from qdiffusion.data import ImageSet, to_unit_range
from qdiffusion.errors import DataError, UsageError
from qdiffusion.metrics.cnn import N_FEATURES, SIZE, FeatureCNN

PACKAGED = ("mnist-cnn", "fashion-mnist-cnn")

_DEFAULTS = {
    "mnist": "mnist-cnn",
    "mnist-subset": "mnist-cnn",
    "fashion-mnist": "fashion-mnist-cnn",
    "fashion-mnist-subset": "fashion-mnist-cnn",
}
_PROBE_SIZE = 299  # Inception's own; a network for any size takes it, too
_MAX_CHANNELS = 3


class FeatureNetwork(nn.Module):
    """Maps images to feature vectors, and to class logits where it can classify.

    Attributes:
        name: what the scores are called after: "mnist-cnn" makes "fid-mnist-cnn".
        num_features: the length D of a feature vector.
        classifies: whether `logits` works.

    Input everywhere: uint8 (N, C, H, W), levels 0 … 255, on the device of the network.
    """

    name: str
    num_features: int
    classifies: bool

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next((tensor.device for tensor in chain(self.parameters(), self.buffers())), torch.device("cpu"))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, floating (N, D)."""
        raise NotImplementedError

    def logits(self, images: Tensor) -> Tensor:
        """Return the class logits, floating (N, K), for the inception score and what the classifier says."""
        raise NotImplementedError

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return both; logits (N, 0) where it does not classify."""
        features = self(images)
        return features, self.logits(images) if self.classifies else features[:, :0]


class PackagedCNN(FeatureNetwork):
    """A `FeatureCNN` trained on grey 28 x 28 pictures.

    Other sizes are resized to 28 x 28, bilinear with antialiasing, in float32 and without rounding; that changes
    the scores, so compare only images of one size. Images of three channels are refused with UsageError.
    """

    num_features = N_FEATURES
    classifies = True

    def __init__(self, name: str, network: FeatureCNN) -> None:
        super().__init__()
        self.name = name
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(self._prepare(images))

    def logits(self, images: Tensor) -> Tensor:
        return self.network(self._prepare(images))

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self(images)
        return features, self.network.head(features)

    def _prepare(self, images: Tensor) -> Tensor:
        if images.shape[1] != 1:
            raise UsageError(
                f"{self.name} takes grey images, but these have {images.shape[1]} channels; "
                "name a network for colour with --features."
            )
        x = to_unit_range(images)
        if x.shape[2:] == (SIZE, SIZE):
            return x
        return functional.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)


class ScriptedNetwork(FeatureNetwork):
    """A TorchScript network that takes uint8 (N, 3, H, W); grey images are repeated to three channels.

    Where its `forward` has the argument `return_features`, as the public inception-2015-12-05.pt has, it is called
    with True; else its plain output is the features. Where `forward` has `no_output_bias`, its output with True is
    class probabilities, and `logits` is their logarithm.
    """

    def __init__(self, name: str, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.name = name
        self.network = network
        forward: Any = network.forward  # a script method; torch types it as a plain callable, without its schema
        arguments = {argument.name for argument in forward.schema.arguments}
        self._options = {"return_features": True} if "return_features" in arguments else {}
        self.classifies = "no_output_bias" in arguments
        self.num_features = self._probe()

    def forward(self, images: Tensor) -> Tensor:
        return self.network(_three_channels(images), **self._options)

    def logits(self, images: Tensor) -> Tensor:
        probabilities = self.network(_three_channels(images), no_output_bias=True)
        return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()

    @torch.no_grad()
    def _probe(self) -> int:
        images = torch.zeros(2, _MAX_CHANNELS, _PROBE_SIZE, _PROBE_SIZE, dtype=torch.uint8)
        try:
            features = self(images)
        except RuntimeError as error:
            raise DataError(
                f"{self.name} does not take uint8 images of shape {tuple(images.shape)} "
                f"({_last_line(error)}); save a TorchScript network that does."
            ) from error
        if not isinstance(features, Tensor) or features.ndim != 2 or not features.is_floating_point():
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise DataError(f"{self.name} returns {found} for 2 images, expected floating features (2, D).")
        return features.shape[1]


def load_features(name: str | Path) -> FeatureNetwork:
    """Load a feature network, in evaluation mode and frozen.

    Args:
        name: "mnist-cnn", "fashion-mnist-cnn" (trained by this project, 128 features), or the path of a TorchScript
            file (see `ScriptedNetwork`). TorchScript is code: name only a file that you trust.

    Raises:
        UsageError: neither a packaged network nor a file.
        DataError: the file is not TorchScript, or does not map images to features.
    """
    network = _load_packaged(str(name)) if str(name) in PACKAGED else _load_script(Path(name))
    return network.eval().requires_grad_(False)


def default_features(image_set: ImageSet) -> str:
    """Return the name of the network for a known set; raises UsageError for the user's own data."""
    if image_set.name not in _DEFAULTS:
        raise UsageError(
            f"There is no feature network for {image_set.name}; name one with --features: "
            f"{', '.join(PACKAGED)}, or a TorchScript file such as inception-2015-12-05.pt."
        )
    return _DEFAULTS[image_set.name]


def _load_packaged(name: str) -> PackagedCNN:
    weights = files("qdiffusion.metrics") / "networks" / f"{name}.safetensors"
    network = FeatureCNN()
    network.load_state_dict(load(weights.read_bytes()))
    return PackagedCNN(name, network)


def _load_script(path: Path) -> ScriptedNetwork:
    if not path.is_file():
        raise UsageError(
            f"There is no feature network {path}; choose {' or '.join(PACKAGED)}, or an existing TorchScript file."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit; the public Inception file needs it
            script = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path} is not a TorchScript file ({_last_line(error)}); export one.") from error
    return ScriptedNetwork(path.stem, script.eval())


def _three_channels(images: Tensor) -> Tensor:
    return images.repeat(1, _MAX_CHANNELS, 1, 1) if images.shape[1] == 1 else images


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()
