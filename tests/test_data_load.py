import importlib.util
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter

from data_helpers import FILES, isolate, publish_tiny_mnist, write_tiny_mnist
from qdiffusion.data import ImagesConfig, list_sets, load_images
from qdiffusion.data.catalog import KNOWN, cache_folder, packaged_folder
from qdiffusion.data.idx import read_idx
from qdiffusion.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def _no_sets_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)
    publish_tiny_mnist(monkeypatch)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_packaged_subsets_are_balanced_distinct_and_shuffled(name: str) -> None:
    splits = [load_images(ImagesConfig(name=f"{name}-subset"), split) for split in ("train", "test")]
    for images, split in zip(splits, ("train", "test"), strict=True):
        count = KNOWN[name].packaged[split]
        assert images.labels.bincount().tolist() == [count // 10] * 10
        assert (images.labels[1:] != images.labels[:-1]).float().mean() > 0.8
        assert "subset" in images.source
    pictures = torch.cat([images.images for images in splits])
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(pictures)


def test_the_packaged_data_is_small_and_licensed() -> None:
    folder = Path(str(packaged_folder(KNOWN["mnist"]))).parent
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 6e6
    assert all((folder / name / "LICENCE.txt").is_file() for name in KNOWN)


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
def test_a_set_is_found_under_root(tmp_path: Path, place: str, gzipped: bool) -> None:
    write_tiny_mnist(tmp_path / "root" / place, gzipped)
    images = load_images(ImagesConfig(name="mnist", root=tmp_path / "root"), "test")
    assert torch.equal(images.images[:, 0], FILES["t10k-images-idx3-ubyte"])
    assert torch.equal(images.labels, FILES["t10k-labels-idx1-ubyte"].long())
    assert images.name == "mnist"
    assert str(tmp_path / "root" / place) in images.source


@pytest.mark.parametrize("place", ["cache/qdiffusion/data/mnist", "data/MNIST/raw", "named/mnist"])
def test_a_set_is_found_without_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    write_tiny_mnist(tmp_path / place)
    if place.startswith("named"):
        monkeypatch.setenv("QDIFFUSION_DATA", str(tmp_path / "named"))
    assert load_images(ImagesConfig(name="mnist"), "train").name == "mnist"
    found = {info.name: info.found for info in list_sets()}
    assert found["mnist"] is not None
    assert (tmp_path / found["mnist"]).samefile(tmp_path / place)
    assert found["fashion-mnist"] is None


def test_the_environment_comes_before_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_tiny_mnist(cache_folder() / "mnist")
    write_tiny_mnist(tmp_path / "named" / "mnist")
    monkeypatch.setenv("QDIFFUSION_DATA", str(tmp_path / "named"))
    assert str(tmp_path / "named") in load_images(ImagesConfig(name="mnist"), "train").source


def test_a_set_found_nowhere_is_replaced_by_the_subset_and_says_so() -> None:
    images = load_images(ImagesConfig(name="mnist"), "train")
    assert images.name == "mnist-subset"
    assert images.source == (
        "packaged balanced subset of MNIST (10,000 training images), because the full set was not found; "
        "run `qdiffusion data fetch mnist`"
    )


def test_an_explicit_root_without_the_set_is_an_error_that_names_the_places(tmp_path: Path) -> None:
    write_tiny_mnist(cache_folder() / "mnist")
    with pytest.raises(DataError, match=r"MNIST/raw.*qdiffusion data fetch mnist --root"):
        load_images(ImagesConfig(name="mnist", root=tmp_path / "elsewhere"), "train")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    write_tiny_mnist(tmp_path / "mnist", gzipped=False)
    path = tmp_path / "mnist" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(DataError, match=f"{path} is not the published file"):
        load_images(ImagesConfig(name="mnist", root=tmp_path), "train")


def test_classes_are_selected_and_numbered_in_the_order_asked_for() -> None:
    everything = load_images(ImagesConfig(), "test")
    chosen = load_images(ImagesConfig(classes=(7, 3)), "test")
    assert chosen.n_classes == 2
    for label, original in enumerate((7, 3)):
        expected = everything.images[everything.labels == original]
        assert torch.equal(chosen.images[chosen.labels == label], expected)
    assert "only the 400 of classes 7, 3" in chosen.source


@pytest.mark.parametrize("classes", [None, (7, 3)])
def test_the_training_is_cut_to_the_first_images_and_the_test_split_is_not(classes: tuple[int, ...] | None) -> None:
    whole = ImagesConfig(classes=classes)
    cut = replace(whole, count=120)
    everything, first = load_images(whole, "train"), load_images(cut, "train")
    assert torch.equal(first.images, everything.images[:120])
    assert torch.equal(first.labels, everything.labels[:120])
    assert (first.space, first.n_classes) == (everything.space, everything.n_classes)
    assert first.source == f"{everything.source}; only the first 120"
    test = load_images(cut, "test")
    assert torch.equal(test.images, load_images(whole, "test").images)
    assert test.source == load_images(whole, "test").source


def test_all_images_but_no_more_can_be_asked_for() -> None:
    everything = load_images(ImagesConfig(classes=(7, 3)), "train")
    config = ImagesConfig(classes=(7, 3), count=len(everything))
    assert torch.equal(load_images(config, "train").images, everything.images)
    with pytest.raises(UsageError, match=r"The first 2,001 images .* are 2,000: .*classes 7, 3; ask for no more"):
        load_images(replace(config, count=2001), "train")


def test_size_and_colour_are_applied_and_named() -> None:
    images = load_images(ImagesConfig(size=14, colour="rgb"), "test")
    assert images.images.shape == (2000, 3, 14, 14)
    assert torch.equal(images.images[:, 0], images.images[:, 2])
    assert images.source.endswith("; resized to 14 x 14; as rgb")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "mnits"}, "Unknown data set 'mnits'; choose one of mnist, fashion-mnist"),
        ({"classes": (1, 10)}, r"different ones of 0 … 9"),
        ({"classes": (1, 1)}, r"different ones of 0 … 9"),
        ({"classes": ()}, r"different ones of 0 … 9"),
        ({"size": 0}, "0 pixels"),
        ({"count": 0}, "count of training images is 0; choose 1 or more"),
        ({"count": -5}, "count of training images is -5"),
        ({"colour": "blue"}, "Unknown colour 'blue'"),
    ],
)
def test_wrong_requests_are_usage_errors(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_images(replace(ImagesConfig(), **change), "train")


def test_an_unknown_split_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Unknown split 'valid'"):
        load_images(ImagesConfig(), "valid")


def test_the_configuration_survives_json() -> None:
    config = ImagesConfig(path=Path("a/b"), classes=(1, 2), size=8, colour="grey")
    adapter = TypeAdapter(ImagesConfig)
    assert adapter.validate_json(adapter.dump_json(config)) == config
    assert json.loads(adapter.dump_json(ImagesConfig())) == asdict(ImagesConfig())


def test_the_subset_script_takes_the_first_of_each_class_and_writes_readable_files(tmp_path: Path) -> None:
    path = Path(__file__).parents[1] / "tools" / "make_subset.py"
    spec = importlib.util.spec_from_file_location("make_subset", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    labels = torch.tensor([0, 0, 0, 1, 1, 0, 1, 1])
    assert sorted(script.balanced(labels, count=4, n_classes=2).tolist()) == [0, 1, 3, 4]
    script.write_idx(FILES["train-images-idx3-ubyte"], tmp_path / "a.gz")
    assert torch.equal(read_idx(tmp_path / "a.gz"), FILES["train-images-idx3-ubyte"])
