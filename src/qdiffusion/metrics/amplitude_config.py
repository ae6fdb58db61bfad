"""How a denoiser of amplitudes is scored, in plain values; what scores it loads with `score`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qdiffusion.data.config import Split
from qdiffusion.data.space import Space
from qdiffusion.metrics.config import ImagesEvaluationConfig

if TYPE_CHECKING:
    from qdiffusion.metrics.report import Scores
    from qdiffusion.metrics.subject import Data, Subject


@dataclass(frozen=True)
class AmplitudesEvaluationConfig:
    """Infidelity at each noise level beside what is free, on held-out images; then the scores of samples as images."""

    kind: Literal["amplitudes"] = field(default="amplitudes", kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """Images drawn and compared, at least 100, and held-out ones denoised; 0: no evaluation."""
    features: str | None = None
    """Feature network: a packaged one's name or a TorchScript file; None: the one that fits the data."""
    split: Split = "train"
    """Images to compare samples with."""

    def __post_init__(self) -> None:
        _ = self.images

    @property
    def images(self) -> ImagesEvaluationConfig:
        """How its samples are scored."""
        return ImagesEvaluationConfig(self.count, self.features, self.split)

    def check(self, data: "Data", space: Space, count: int, levels: int = 1) -> None:
        """Raise UsageError or DataError where `count` samples of such data could not be scored."""
        self.images.check(data, space, count, levels)

    def score(self, subject: "Subject") -> "Scores":
        """The rows of `score_infidelities`, then those of `score_images`; raises as `check`."""
        from qdiffusion.metrics.amplitudes import score_infidelities

        return score_infidelities(subject).followed_by(self.images.score(subject))

    def flags(self, data: "Data") -> str:
        """What to give `qdiffusion evaluate`."""
        return self.images.flags(data)
