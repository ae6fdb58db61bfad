import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from qdiffusion.data import ImagesConfig, ImageSet, load_images
from qdiffusion.errors import UsageError
from qdiffusion.metrics import FeatureNetwork, Row, Scores, check_scorable, load_features, score_images
from qdiffusion.metrics.confidence import class_rows
from qdiffusion.metrics.distances import frechet_distance, inception_score, kernel_distance


class Means(FeatureNetwork):
    """Features: the means of the four quarters of a grey picture; its class: the darkest quarter."""

    num_features = 4

    def __init__(self, classifies: bool = True) -> None:
        super().__init__()
        self.name, self.classifies, self.seen, self.classified = "means", classifies, 0, 0

    def forward(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return self.means(images)

    def logits(self, images: Tensor) -> Tensor:
        self.classified += len(images)
        return -self.means(images) / 50

    def means(self, images: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images.float(), 2).flatten(1)


def random_images(n: int, seed: int = 0, high: int = 256) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, high, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)


def row(scores: Scores, name: str) -> Row:
    return next(row for row in scores.rows if row.name == name)


def spread(scores: Scores, name: str) -> tuple[float, float | None]:
    """A score and its standard deviation."""
    return row(scores, name).value, row(scores, name).std


def floors(scores: Scores) -> tuple[float | None, float | None]:
    """What real images score against real ones, by FID and KID."""
    fid, kid = (row(scores, f"{name}-means").beside["floor"] for name in ("fid", "kid"))
    return fid, kid


def test_scores_are_those_of_the_features() -> None:
    network, samples, reference = Means(), random_images(300), random_images(400, seed=1, high=200)
    x, y = network(samples).double(), network(reference).double()
    scores = score_images(samples, reference, network, seed=5)
    assert scores["fid-means"] == frechet_distance(x, y)
    assert spread(scores, "kid-means") == kernel_distance(x, y, 100, 5)
    sample_logits, real_logits = network.logits(samples).double(), network.logits(reference).double()
    assert spread(scores, "is-means") == inception_score(sample_logits, 10, 5)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(5))
    halves = real_logits[order[:200]], real_logits[order[200:]]
    assert list(scores.rows[3:]) == class_rows("means", sample_logits, real_logits, halves)


@pytest.mark.parametrize("classifies", [True, False])
def test_each_image_passes_the_network_once_for_its_features_and_once_for_its_classes(classifies: bool) -> None:
    network = Means(classifies)
    scores = score_images(random_images(130), random_images(40, seed=1), network)
    assert (network.seen, network.classified) == (170, 170 * classifies)
    assert [row.name for row in scores.rows if not row.name.startswith(("fid-", "kid-"))] == [
        f"{name}-means" for name in ("is", "confidence", "confident", "balance") if classifies
    ]
    assert ("Confidence" in scores.table()) == ("Balance" in scores.table()) == classifies


def test_a_set_against_itself_and_the_floor_of_two_equal_halves() -> None:
    images = random_images(100)
    scores = score_images(images, images, Means())
    assert scores["fid-means"] == pytest.approx(0, abs=1e-4)
    assert floors(scores)[0] > 0


def test_the_floor_compares_disjoint_halves_of_the_reference_alone() -> None:
    reference = random_images(101)
    first, second = (score_images(random_images(100, seed), reference, Means(), seed=3) for seed in (1, 2))
    assert floors(first) == floors(second)
    assert first["fid-means"] != second["fid-means"]
    assert first.details["n_floor"] == 50
    vectors = Means()(reference).double()
    order = torch.randperm(101, generator=torch.Generator().manual_seed(3))
    halves = vectors[order[50:100]], vectors[order[:50]]
    expected = frechet_distance(*halves), kernel_distance(*halves, 50, 3)[0]
    assert floors(first) == pytest.approx(expected)


def test_real_images_score_near_the_floor_and_noise_far_above() -> None:
    train, test = (load_images(ImagesConfig(), split) for split in ("train", "test"))
    network = load_features("mnist-cnn")
    reference = replace(test, images=test.images[:1000], labels=None)
    real = score_images(train.images[:500], reference, network)
    noise = torch.randint(0, 256, (500, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    floor = row(real, "fid-mnist-cnn").beside["floor"]
    assert real["fid-mnist-cnn"] < 3 * floor
    assert score_images(noise, reference, network)["fid-mnist-cnn"] > 30 * floor
    assert 8 < real["is-mnist-cnn"] <= 10


def test_samples_outside_of_the_datas_classes_are_off_balance() -> None:
    """Labels are numbered anew in data of some classes; the network's are the original ones on both sides."""
    network = load_features("mnist-cnn")
    sevens_and_threes = load_images(ImagesConfig(classes=(7, 3)), "train")
    others = load_images(ImagesConfig(classes=(0, 1)), "train").images[:150]
    real = score_images(load_images(ImagesConfig(classes=(3, 7)), "test").images, sevens_and_threes, network)
    wrong = score_images(others, sevens_and_threes, network)
    assert real["balance-mnist-cnn"] < 0.03
    assert wrong["balance-mnist-cnn"] > 0.97
    assert wrong["confidence-mnist-cnn"] > 0.97


def test_names_carry_the_network_and_the_report_everything_needed_to_read_it() -> None:
    reference = ImageSet("x", "test", random_images(60, seed=1), None, "sixty made-up images", 0)
    scores = score_images(random_images(130), reference, Means())
    saved = json.loads(json.dumps(scores.to_dict()))
    assert [(row["name"], row["better"]) for row in saved["rows"]] == [
        ("fid-means", "lower"),
        ("kid-means", "lower"),
        ("is-means", "higher"),
        ("confidence-means", "higher"),
        ("confident-means", "higher"),
        ("balance-means", "lower"),
    ]
    assert [row["value"] for row in saved["rows"]] == [scores[row.name] for row in scores.rows]
    text = str(scores)
    for part in (
        "130 samples",
        "60 reference images",
        "sixty made-up images",
        "30 against 30",
        "network means",
        "floor",
    ):
        assert part in text
    shown = ["fid-means", f"{scores['fid-means']:.4g}", f"{floors(scores)[0]:.4g}", "–"]
    assert text.splitlines()[1].split() == shown
    assert saved["details"]["kid_subset_size"] == 60
    assert "subsets of 60" in text


@pytest.mark.parametrize(("n", "wanted", "parts"), [(100, 10, 10), (101, 60, 51), (100, 200, 100)])
def test_the_parts_of_the_inception_score_are_those_made(n: int, wanted: int, parts: int) -> None:
    scores = score_images(random_images(n), random_images(60, seed=1), Means(), is_splits=wanted)
    assert scores.details["is_splits"] == parts == len(torch.arange(n).chunk(wanted))
    assert f"IS in {parts} parts" in scores.table()
    assert "IS" not in score_images(random_images(n), random_images(60, seed=1), Means(classifies=False)).table()


def test_a_singular_covariance_is_flagged() -> None:
    def scored(n: int) -> Scores:
        return score_images(random_images(100), random_images(n, seed=1), Means())

    assert scored(4).details["fid_rank_deficient"]
    assert "singular" in scored(4).table()
    assert not scored(5).details["fid_rank_deficient"]
    assert "singular" not in scored(5).table()


GOOD = random_images(100)


@pytest.mark.parametrize(
    ("samples", "reference", "message"),
    [
        (GOOD.float() / 127.5 - 1, GOOD, "torch.float32, expected torch.uint8"),
        (GOOD.float() / 255, GOOD, r"torch.float32, expected torch.uint8 \(0 … 255\)"),
        (GOOD, GOOD.float() / 255, "torch.float32, expected torch.uint8"),
        (GOOD.int(), GOOD, "torch.int32, expected torch.uint8"),
        (GOOD[:, 0], GOOD, r"shape \(100, 8, 8\)"),
        (GOOD % 2, GOOD, "multiply by 255"),
        (torch.zeros_like(GOOD), GOOD, "Every pixel"),
        (GOOD, GOOD % 2, "multiply by 255"),
        (GOOD, GOOD[..., :4], r"\(1, 8, 8\).*\(1, 8, 4\)"),
        (GOOD[:99], GOOD, "A score takes at least 100 images, but got 99: .*; draw more"),
        (GOOD, GOOD[:3], "3 reference images are too few"),
    ],
)
def test_wrong_images_are_refused_before_any_work(samples: Tensor, reference: Tensor, message: str) -> None:
    network = Means()
    with pytest.raises(UsageError, match=message):
        score_images(samples, reference, network)
    assert network.seen == 0


@pytest.mark.parametrize("options", [{"kid_subset_size": 1}, {"is_splits": 1}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="at least 2 of each"):
        score_images(GOOD, GOOD, Means(), **options)


@pytest.mark.parametrize(("count", "length", "message"), [(99, 100, "but got 99"), (100, 3, "3 reference images")])
def test_too_few_are_refused_before_they_are_drawn(count: int, length: int, message: str) -> None:
    reference = ImageSet("x", "test", random_images(length), None, "made up", 0)
    network = Means()
    with pytest.raises(UsageError, match=message):
        check_scorable(count, reference, network)
    assert network.seen == 0
    check_scorable(100, replace(reference, images=random_images(4)), network)
