"""The studies' columns and claims, and the papers' numbers, each entered a second time here from another place."""

import re

import pytest

from qdiffusion.errors import UsageError
from qdiffusion.studies.capece import CAPECE
from qdiffusion.studies.de_falco import FASHION, MNIST
from qdiffusion.studies.printed import to_html
from qdiffusion.studies.qamp import SPEC as QAMP
from qdiffusion.studies.spec import Claim, Column, Moment, StudySpec
from studies_toys import spec

# FID after 20 epochs in two decimals.
MNIST_FID = {
    "classical": 45.28,
    "1hq": 45.37,
    "7hq": 43.07,
    "full-hq": 45.65,
    "quanv-hq": 44.51,
    "transfer-1fq": 41.66,
    "transfer-classical": 48.92,
}
FASHION_FID = {
    "classical": 39.46,
    "1hq": 39.99,
    "7hq": 40.37,
    "full-hq": 41.39,
    "quanv-hq": 38.80,
    "transfer-1fq": 38.68,
    "transfer-classical": 40.68,
}
FASHION_EARLY = {
    (1, "classical"): 296.87,
    (1, "full-hq"): 295.79,
    (1, "quanv-hq"): 285.16,
    (10, "classical"): 60.15,
    (10, "1hq"): 52.53,
    (10, "7hq"): 53.96,
    (10, "full-hq"): 56.50,
}
PARAMETERS = {"classical": 483321, "1hq": 475329, "7hq": 440985, "full-hq": 429993, "quanv-hq": 474293}


def fid(study: StudySpec, block: int = 0) -> dict[tuple[int, str], float]:
    scores = study.published[block].scores
    return {(each.epoch, each.column): round(each.value, 2) for each in scores if each.score == "fid"}


def test_fid_of_de_falco():
    assert {key: value for (epoch, key), value in fid(MNIST).items() if epoch == 20} == MNIST_FID
    assert {key: value for (epoch, key), value in fid(FASHION).items() if epoch == 20} == FASHION_FID
    assert {(1, "classical"): 311.06, (1, "full-hq"): 299.73}.items() <= fid(MNIST).items()
    assert FASHION_EARLY.items() <= fid(FASHION).items()


def test_fid_of_capece():
    fashion, mnist = fid(CAPECE, 0), fid(CAPECE, 1)
    assert fashion == {(20, "classical"): 1.68, (20, "fq"): 1.74, (20, "hq"): 2.16}
    assert mnist == {(20, "classical"): 11.19, (25, "finetune-fq"): 11.52, (25, "finetune-hq"): 10.07}


def test_infidelity_of_qamp():
    assert [(each.score, each.epoch, each.value) for each in QAMP.published[0].scores] == [("infidelity", 100, 0.25)]
    assert "861,104" in " ".join(QAMP.published[0].notes)


def test_parameters_and_slips():
    assert FASHION.published[0].parameters == PARAMETERS
    assert MNIST.published[0].parameters == {**PARAMETERS, "transfer-1fq": 483321}
    notes = {study.name: " ".join(study.published[0].notes) for study in (MNIST, FASHION, CAPECE)}
    for words in ("475,281", "473,817", "429,977", "InceptionV3", "7,000", "60,000"):
        assert words in notes["de-falco-mnist"]
    for words in ("3.9783", "3.8076", "figure 14", "473,817", "InceptionV3"):
        assert words in notes["de-falco-fashion"]
    for words in ("nine images", "bytes"):
        assert words in notes["capece"]


@pytest.mark.parametrize("study", [MNIST, FASHION, CAPECE, QAMP], ids=lambda study: study.name)
def test_printed_scores_belong_to_columns_and_are_shown_in_full(study):
    for block in study.published:
        shown = re.sub(r"<[^>]+>", "\n", to_html(study, block))
        for each in block.scores:
            assert each.column in study.keys
            numbers = [float(number) for number in re.findall(r"^(?:± )?([0-9.]+) ?$", shown, re.MULTILINE)]
            assert each.value in numbers
            assert each.std is None or each.std in numbers


def test_columns_of_the_studies():
    """The engine trains by these keys, and finished cells lie under them."""
    hybrids = ["1hq", "1fq", "7hq", "7fq", "full-hq", "full-fq", "quanv-hq", "quanv-fq"]
    de_falco = ["classical", "twin-1hq", *hybrids, "transfer-1fq", "transfer-classical"]
    assert list(MNIST.keys) == list(FASHION.keys) == de_falco
    assert list(CAPECE.keys) == ["classical", "hq", "fq", "finetune-hq", "finetune-fq", "finetune-twin"]


@pytest.mark.parametrize("study", [MNIST, FASHION, CAPECE], ids=lambda study: study.name)
def test_every_study_has_the_control_that_its_paper_lacks(study):
    controls = [claim for claim in study.claims if claim.control]
    assert controls
    assert all("twin" in baseline for claim in controls for baseline in claim.baselines)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: spec(Claim("", ("none",), ("plain",))), "none"),
        (lambda: spec(Claim("", ("plain",), ("hybrid",), moment=2)), "moment"),
        (lambda: spec(columns=("a", "a")), "key of its own"),
        (lambda: Claim("", (), (), margin=0.0), "margin"),
        (lambda: Moment(1.5, ""), "share"),
        (lambda: StudySpec("x", "x", (Column("a", "A", ""),), (Moment(0.5, ""),), (), ()), "up to 1"),
    ],
)
def test_a_study_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        wrong()
