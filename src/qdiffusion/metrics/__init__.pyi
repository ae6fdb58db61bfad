from .amplitude_config import AmplitudesEvaluationConfig
from .config import (
    DenoisingEvaluationConfig,
    ImagesEvaluationConfig,
    LikelihoodEvaluationConfig,
    StatesEvaluationConfig,
)
from .features import FeatureNetwork, default_features, load_features
from .report import Row, Scores
from .scores import check_scorable, score_images

__all__ = [
    "AmplitudesEvaluationConfig",
    "DenoisingEvaluationConfig",
    "FeatureNetwork",
    "ImagesEvaluationConfig",
    "LikelihoodEvaluationConfig",
    "Row",
    "Scores",
    "StatesEvaluationConfig",
    "check_scorable",
    "default_features",
    "load_features",
    "score_images",
]
