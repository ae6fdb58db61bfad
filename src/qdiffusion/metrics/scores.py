"""Scores of samples against a reference set, never without what is needed to read them."""

from math import ceil
from typing import Any

import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from qdiffusion.data import ImageSet
from qdiffusion.data.images import check_images
from qdiffusion.errors import UsageError
from qdiffusion.metrics.confidence import CONFIDENT, agreement_row, class_rows
from qdiffusion.metrics.config import check_enough
from qdiffusion.metrics.distances import frechet_distance, inception_score, kernel_distance
from qdiffusion.metrics.features import FeatureNetwork
from qdiffusion.metrics.report import Row, Scores

DISTANCES = (
    "FID and KID measure how far the samples lie from the reference images in the feature network's space: lower is "
    "better, and the floor is what real images score against other real images."
)
CLASSES = (
    "IS, higher is better, asks whether each sample looks like one class and all classes occur.",
    f"Confidence: the network's probability of its likeliest class; confident: the share where it exceeds {CONFIDENT}; "
    "higher is better. Balance: the total variation between the classes found in samples and in reference images; "
    "lower is better. Agreement, of conditional models: the share found to be the class that was asked for.",
    "Real: what the reference images score; of balance, what as many images drawn from them score on average.",
)
HONESTLY = (
    "Compare values only for the same network, counts and reference; none of them tells whether the model copies its "
    "training images."
)
_BATCH = 256
_MIN_REFERENCE = 4  # two halves of two


def score_images(
    samples: Tensor,
    reference: ImageSet | Tensor,
    features: FeatureNetwork,
    seed: int = 0,
    kid_subset_size: int = 100,
    is_splits: int = 10,
    labels: Int64[Tensor, " n"] | None = None,
) -> Scores:
    """Score samples by FID and KID and, where the network classifies, IS, confidence and balance (`class_rows`).

    The floor, real images against real ones, compares two random disjoint halves of the reference. Fewer images than
    `kid_subset_size` or `is_splits` make these smaller; the result says what was used.

    Args:
        samples: uint8 (N, C, H, W), 0 … 255, N at least 100.
        reference: an image set or uint8 (M, C, H, W), M at least 4, of the samples' C, H and W.
        features: the network; the images are moved to its device.
        seed: of KID's subsets, IS's parts and the floor's halves.
        kid_subset_size: images a subset, at least 2.
        is_splits: parts, at least 2.
        labels: (N,), what each sample was to be, by the reference set's own numbering; adds how often that was found.

    Raises:
        UsageError: images of wrong dtype, range or shape, or too few; options out of range.
    """
    real = reference.images if isinstance(reference, ImageSet) else reference
    source = reference.source if isinstance(reference, ImageSet) else "images given by the caller"
    _check_request(samples, real, kid_subset_size, is_splits)
    sample_features, sample_logits = _seen(features, samples)
    real_features, real_logits = _seen(features, real)
    halves = _halves(real_features, seed)
    subset_size = min(kid_subset_size, len(samples), len(real))
    kid_mean, kid_std = kernel_distance(sample_features, real_features, subset_size, seed)
    fid = frechet_distance(sample_features, real_features)
    floor_fid = frechet_distance(*halves)
    floor_kid = kernel_distance(*halves, min(kid_subset_size, len(real) // 2), seed)[0]
    network = features.name
    rows = [
        Row(f"fid-{network}", fid, None, {"floor": floor_fid}),
        Row(f"kid-{network}", kid_mean, kid_std, {"floor": floor_kid}),
    ]
    splits = _parts(len(samples), is_splits) if features.classifies else None
    if splits:
        rows.append(Row(f"is-{network}", *inception_score(sample_logits, splits, seed), better="higher"))
        rows += class_rows(network, sample_logits, real_logits, _halves(real_logits, seed))
        if labels is not None and isinstance(reference, ImageSet) and reference.labels is not None:
            numbers = torch.tensor(reference.space.classes)
            asked = (sample_logits, numbers[labels]), (real_logits, numbers[reference.labels])
            rows.append(agreement_row(network, *asked))
    details = {
        "features": network,
        "num_features": features.num_features,
        "reference": source,
        "n_samples": len(samples),
        "n_reference": len(real),
        "n_floor": len(real) // 2,
        "kid_subset_size": subset_size,
        "is_splits": splits,
        "fid_rank_deficient": min(len(samples), len(real)) <= features.num_features,
    }
    return Scores(f"Images in the features of {network}", tuple(rows), tuple(_conditions(details)), details)


def _conditions(details: dict[str, Any]) -> list[str]:
    """What is needed to read the scores, in sentences."""
    parts = f", IS in {details['is_splits']} parts" if details["is_splits"] else ""
    told = [
        f"{details['n_samples']:,} samples against {details['n_reference']:,} reference images: "
        f"{details['reference']}.",
        f"Feature network {details['features']} ({details['num_features']} features); KID in subsets of "
        f"{details['kid_subset_size']}{parts}.",
        f"Floor: real against real, {details['n_floor']:,} against {details['n_floor']:,} (half the available count).",
    ]
    if details["fid_rank_deficient"]:
        told.append(
            f"The FID has a singular covariance ({details['num_features']} features need more images than that): "
            "compare it only with others of the same count."
        )
    return [*told, DISTANCES, *(CLASSES if details["is_splits"] else ()), HONESTLY]


def check_scorable(count: int, reference: ImageSet, features: FeatureNetwork) -> None:
    """Refuse what `score_images` could not do, before the samples are drawn.

    Raises:
        UsageError: too few samples or reference images, or images that the network does not take.
    """
    _check_counts(count, len(reference))
    try:
        _seen(features, reference.images[:1])
    except RuntimeError as error:
        shape = tuple(reference.images.shape[1:])
        raise UsageError(f"{features.name} does not take images of shape {shape}; name another network.") from error


@torch.no_grad()
def _seen(
    network: FeatureNetwork, images: UInt8[Tensor, "n c h w"]
) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "n k"]]:
    """Return the features (N, D) and the logits (N, K) of uint8 images, float64 on the CPU."""
    batches = (network.features_and_logits(batch.to(network.device)) for batch in images.split(_BATCH))
    features, logits = zip(*((seen.double().cpu() for seen in both) for both in batches), strict=True)
    return torch.cat(features), torch.cat(logits)


def _check_request(samples: Tensor, real: Tensor, kid_subset_size: int, is_splits: int) -> None:
    check_images(samples)
    check_images(real)
    if samples.shape[1:] != real.shape[1:]:
        raise UsageError(
            f"The samples have shape {tuple(samples.shape[1:])} and the reference images {tuple(real.shape[1:])}; "
            "expected the same channels, height and width."
        )
    _check_counts(len(samples), len(real))
    if kid_subset_size < 2 or is_splits < 2:
        raise UsageError(
            f"The KID subset size is {kid_subset_size} and the IS splits are {is_splits}; expected at least 2 of each."
        )


def _check_counts(n_samples: int, n_reference: int) -> None:
    check_enough(n_samples)
    if n_reference < _MIN_REFERENCE:
        raise UsageError(
            f"{n_reference} reference images are too few to compare with; give at least {_MIN_REFERENCE}, better "
            "thousands."
        )


def _parts(count: int, wanted: int) -> int:
    """Return how many parts torchmetrics makes of `count` images: of equal size, but for the last, and none empty."""
    return ceil(count / ceil(count / wanted))


def _halves(vectors: Float64[Tensor, "n d"], seed: int) -> tuple[Float64[Tensor, "half d"], Float64[Tensor, "half d"]]:
    order = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(seed))
    half = len(vectors) // 2
    return vectors[order[:half]], vectors[order[half : 2 * half]]
