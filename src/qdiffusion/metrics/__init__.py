"""Scores of samples: FID, KID and IS in the space of a named feature network."""

from qdiffusion.data.images import check_images
from qdiffusion.metrics.features import FeatureNetwork, default_features, load_features
from qdiffusion.metrics.report import Scores
from qdiffusion.metrics.scores import check_scorable, score_images

__all__ = [
    "FeatureNetwork",
    "Scores",
    "check_images",
    "check_scorable",
    "default_features",
    "load_features",
    "score_images",
]
