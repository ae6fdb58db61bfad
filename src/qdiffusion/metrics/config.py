"""How a run is scored, in plain values; what scores it loads with `score`."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

from qdiffusion.data.config import ImagesConfig, Split
from qdiffusion.data.ensemble import EnsembleConfig
from qdiffusion.data.space import Space
from qdiffusion.diffusion.config import Variance, check_variance
from qdiffusion.errors import UsageError, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qdiffusion.data import ImageSet
    from qdiffusion.diffusion.system import System
    from qdiffusion.metrics.features import FeatureNetwork
    from qdiffusion.metrics.report import Scores
    from qdiffusion.metrics.subject import Data, Subject

PUBLISHED_COUNT = 7000
"""Images that De Falco et al. 2024 score, section 4."""
FEW = 100
FEWEST_IMAGES = 100
"""Of fewer, a score says more of chance than of the model."""


def check_enough(count: int) -> None:
    """Raise UsageError where so many images are too few to score."""
    if count < FEWEST_IMAGES:
        raise UsageError(
            f"A score takes at least {FEWEST_IMAGES} images, but got {count}: of fewer it is mostly chance; draw more."
        )


@dataclass(frozen=True)
class ImagesEvaluationFields:
    """What is told of scoring samples as images."""

    kind: str = field(kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """Images drawn and compared, at least 100; 0: no evaluation."""
    features: str | None = None
    """Feature network: a packaged one's name or a TorchScript file; None: the one that fits the data."""
    split: Split = "train"
    """Images to compare with; published scores compare with the training images."""

    def __post_init__(self) -> None:
        require(
            self.count == 0 or self.count >= FEWEST_IMAGES,
            "count",
            self.count,
            f"0 (no evaluation) or at least {FEWEST_IMAGES}",
        )

    def check(self, data: "Data", space: Space, count: int, systems: "Sequence[System]" = ()) -> None:
        """Raise UsageError or DataError where `count` samples of such data could not be scored."""
        if count:
            space.expect("images", "An evaluation by FID")
            self._load(data, count)

    def score(self, subject: "Subject") -> "Scores":
        """As `score_images` does; raises as `check`."""
        from qdiffusion.metrics.scores import score_images

        reference, network = self._load(subject.data, subject.count)
        samples, labels = subject.samples()
        subject.say(
            f"Comparing {len(samples):,} samples with {len(reference):,} images in the features of {network.name}."
        )
        return score_images(samples, reference, network.to(subject.device), seed=subject.seed, labels=labels)

    def flags(self, data: "Data") -> str:
        """What to give `qdiffusion evaluate`: own data have no feature network but a named one."""
        nameless = isinstance(data, ImagesConfig) and data.path is not None and self.features is None
        return f"-n {self.count or PUBLISHED_COUNT}" + (" --features NAME" if nameless else "")

    def _load(self, data: "Data", count: int) -> tuple["ImageSet", "FeatureNetwork"]:
        from qdiffusion.metrics.features import default_features, load_features
        from qdiffusion.metrics.scores import check_scorable

        whole = replace(data, count=None) if isinstance(data, ImagesConfig) else data
        reference = cast("ImageSet", whole.load(self.split))  # `check` has seen to it
        network = load_features(self.features or default_features(reference))
        check_scorable(count, reference, network)
        return reference, network


@dataclass(frozen=True)
class ImagesEvaluationConfig(ImagesEvaluationFields):
    """FID and KID of images against real ones; IS, confidence and balance where the feature network classifies."""

    kind: Literal["images"] = field(default="images", kw_only=True)
    """Names this evaluation in a saved experiment."""


@dataclass(frozen=True)
class StatesEvaluationConfig:
    """Distances between an ensemble of states and held-out ones."""

    kind: Literal["states"] = field(default="states", kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """States drawn and compared; 0: no evaluation."""

    def __post_init__(self) -> None:
        require(self.count == 0 or self.count >= 2, "count", self.count, "0 (no evaluation) or at least 2")

    def check(self, data: "Data", space: Space, count: int, systems: "Sequence[System]" = ()) -> None:
        """Raise UsageError where samples of such data could not be scored."""
        if count:
            for each in (space, *(system.codec.space for system in systems if space.is_quantum)):
                each.expect("states", "An evaluation by the distance of states", "densities")
            require(count >= 2, "count", count, "at least 2")
            if isinstance(data, EnsembleConfig):
                fewest = min(data.count, data.test_count)
                require(fewest >= 2, "data.count and data.test_count", fewest, "at least 2 each to be scored")

    def score(self, subject: "Subject") -> "Scores":
        """Maximum mean discrepancies, Wasserstein distance, fidelities and magnetisations; of density matrices by the
        super-fidelity, and their purities."""
        from qdiffusion.metrics.judging import score_states

        return score_states(subject)

    def flags(self, data: "Data") -> str:
        """What to give `qdiffusion evaluate`."""
        return f"-n {self.count or FEW}"


@dataclass(frozen=True)
class DenoisingEvaluationConfig:
    """How well noised items are restored: those of the training, and held-out ones."""

    kind: Literal["denoising"] = field(default="denoising", kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """Held-out items restored, where there are so many; 0: no evaluation."""

    def __post_init__(self) -> None:
        require(self.count >= 0, "count", self.count, "at least 0")

    def check(self, data: "Data", space: Space, count: int, systems: "Sequence[System]" = ()) -> None:
        """Raise UsageError where such data cannot be restored: no states, or a denoiser that was not shown pairs."""
        if not count:
            return
        space.expect("states", "An evaluation by the fidelity of restored states")
        for system in systems:
            mixed, one = system.codec.space.kind == "densities", system.denoiser.levels == 1
            if not (mixed or one) and getattr(system.process, "prediction", None) != "previous":
                raise UsageError(
                    "An evaluation by the fidelity of restored states takes a denoiser of all noise levels, or a "
                    "forward process whose prediction is previous, but was given one with parameters for each of "
                    f"{system.denoiser.levels} levels; choose the evaluation states."
                )

    def score(self, subject: "Subject") -> "Scores":
        """Mean fidelities of restored states with the clean ones; level by level where they are density matrices."""
        from qdiffusion.metrics.judging import score_denoising

        return score_denoising(subject)

    def flags(self, data: "Data") -> str:
        """What to give `qdiffusion evaluate`."""
        return f"-n {self.count or FEW}"


@dataclass(frozen=True)
class LikelihoodEvaluationConfig:
    """Bits per dimension of held-out items: a discrete process's variational bound, or an SDE's exact likelihood."""

    kind: Literal["likelihood"] = field(default="likelihood", kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """Held-out items, where there are so many; 0: no evaluation."""
    variance: Variance = "beta"
    """Of the bound's steps: beta: β; posterior: β̃, right for one known item."""
    probes: int = 1
    """Random directions that an SDE's divergence is estimated from; 0: exactly, a gradient for every dimension."""

    def __post_init__(self) -> None:
        require(self.count >= 0, "count", self.count, "at least 0")
        require(self.probes >= 0, "probes", self.probes, "at least 0")
        check_variance(self.variance)

    def check(self, data: "Data", space: Space, count: int, systems: "Sequence[System]" = ()) -> None:
        """Raise UsageError where such data have no likelihood."""
        if count and space.kind == "states":
            raise UsageError(
                f"An evaluation by likelihood takes images or vectors, but was given {space}; choose the evaluation "
                "states or denoising."
            )

    def score(self, subject: "Subject") -> "Scores":
        """Bits per dimension."""
        from qdiffusion.metrics.likelihood import score_likelihood

        return score_likelihood(subject, self.variance, self.probes)

    def flags(self, data: "Data") -> str:
        """What to give `qdiffusion evaluate`."""
        return f"-n {self.count or FEW}"
