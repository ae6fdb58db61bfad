"""How a denoiser of amplitudes is scored, in plain values; what scores it loads with `score`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qdiffusion.metrics.config import ImagesEvaluationFields

if TYPE_CHECKING:
    from qdiffusion.metrics.report import Scores
    from qdiffusion.metrics.subject import Subject


@dataclass(frozen=True)
class AmplitudesEvaluationConfig(ImagesEvaluationFields):
    """Infidelity at each noise level beside what is free, on held-out images; then the scores of samples as images."""

    kind: Literal["amplitudes"] = field(default="amplitudes", kw_only=True)
    """Names this evaluation in a saved experiment."""
    count: int = 0
    """Images drawn and compared, at least 100, and held-out ones denoised; 0: no evaluation."""

    def score(self, subject: "Subject") -> "Scores":
        """The rows of `score_infidelities`, then those of `score_images`; raises as `check`."""
        from qdiffusion.metrics.amplitudes import score_infidelities

        return score_infidelities(subject).followed_by(super().score(subject))
