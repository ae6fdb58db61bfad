from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from qdiffusion.data import ImagesConfig, ImageSet, load_images
from qdiffusion.data.config import Split
from qdiffusion.data.holdout import split_indices
from qdiffusion.errors import DataError, UsageError


def random_array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def load(path: Path, split: Split = "train", size: int = 8, **options: object) -> ImageSet:
    return load_images(ImagesConfig(path=path, size=size, **options), split)


def rows(images: Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def save_pictures(folder: Path, count: int, seed: int, shape: tuple[int, ...] = (8, 8)) -> np.ndarray:
    folder.mkdir(parents=True)
    pictures = random_array(count, *shape, seed=seed)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i}.png")
    return pictures


def test_the_split_is_a_partition_that_does_not_depend_on_the_order() -> None:
    keys = [f"picture{i}.png" for i in range(95)]
    train, test = split_indices(keys, "train"), split_indices(keys, "test")
    assert sorted(train + test) == list(range(95))
    assert len(test) == round(95 / 10)
    assert {keys[::-1][i] for i in split_indices(keys[::-1], "test")} == {keys[i] for i in test}


@pytest.mark.parametrize("count", [2, 3, 10])
def test_no_split_is_empty(count: int) -> None:
    keys = [str(i) for i in range(count)]
    assert split_indices(keys, "train")
    assert split_indices(keys, "test")


def test_a_flat_folder_has_no_labels_and_is_split(tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "own", 20, seed=1)
    train, test = load(tmp_path / "own"), load(tmp_path / "own", "test")
    assert (len(train), len(test)) == (18, 2)
    assert rows(train.images) | rows(test.images) == {picture.tobytes() for picture in pictures}
    assert train.labels is None
    assert train.n_classes == 0


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    expected = {name: save_pictures(tmp_path / name, 10, seed) for seed, name in enumerate(["cat", "dog"])}
    both = [load(tmp_path, split) for split in ("train", "test")]
    for label, name in enumerate(["cat", "dog"]):
        found = torch.cat([images.images[images.labels == label] for images in both])
        assert rows(found) == {picture.tobytes() for picture in expected[name]}
    assert both[0].n_classes == 2


def test_train_and_test_folders_are_the_splits_and_share_class_numbers(tmp_path: Path) -> None:
    save_pictures(tmp_path / "train" / "a", 3, seed=0)
    b = save_pictures(tmp_path / "train" / "b", 3, seed=1)
    only_b = save_pictures(tmp_path / "test" / "b", 2, seed=2)
    train, test = load(tmp_path), load(tmp_path, "test")
    assert rows(train.images[train.labels == 1]) == {picture.tobytes() for picture in b}
    assert rows(test.images) == {picture.tobytes() for picture in only_b}
    assert test.labels.tolist() == [1, 1]
    assert test.n_classes == 2


def test_pictures_of_any_shape_and_mixed_colours_become_one_tensor(tmp_path: Path) -> None:
    save_pictures(tmp_path / "grey", 2, seed=0, shape=(8, 12))
    colour = save_pictures(tmp_path / "rgb", 2, seed=1, shape=(8, 8, 3))
    together = torch.cat([load(tmp_path, split).images for split in ("train", "test")])
    assert together.shape == (4, 3, 8, 8)
    assert {picture.transpose(2, 0, 1).tobytes() for picture in colour} < rows(together)
    assert load(tmp_path, colour="grey").images.shape == (3, 1, 8, 8)


def test_the_cameras_rotation_is_applied(tmp_path: Path) -> None:
    save_pictures(tmp_path / "own", 1, seed=0)
    upright = random_array(8, 8, seed=5)
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    Image.fromarray(upright[::-1, ::-1].copy()).save(tmp_path / "own" / "turned.png", exif=exif)
    found = torch.cat([load(tmp_path / "own", split).images for split in ("train", "test")])
    assert upright.tobytes() in rows(found)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        load(tmp_path / "empty")
    save_pictures(tmp_path / "one", 1, seed=0)
    with pytest.raises(DataError, match="expected at least 2"):
        load(tmp_path / "one")
    save_pictures(tmp_path / "mixed" / "class", 2, seed=0)
    Image.fromarray(random_array(8, 8)).save(tmp_path / "mixed" / "loose.png")
    with pytest.raises(DataError, match=r"loose.*sub-folders"):
        load(tmp_path / "mixed")
    save_pictures(tmp_path / "deep", 2, seed=0)
    Image.fromarray(random_array(8, 8).astype(np.uint16) * 256).save(tmp_path / "deep" / "16bit.png")
    with pytest.raises(DataError, match="8 bits a channel"):
        [load(tmp_path / "deep", split) for split in ("train", "test")]
    save_pictures(tmp_path / "broken", 2, seed=0)
    (tmp_path / "broken" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    with pytest.raises(DataError, match=r"0\.png cannot be read as a picture"):
        [load(tmp_path / "broken", split) for split in ("train", "test")]


def test_missing_and_unknown_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        load(tmp_path / "missing")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"unknown kind.*\.npz, \.safetensors, \.pt"):
        load(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
def test_every_kind_of_file_gives_the_same_images_and_labels(tmp_path: Path, suffix: str) -> None:
    images, labels = random_array(30, 8, 8), np.arange(30) % 4
    path = tmp_path / f"own{suffix}"
    tensors = {"images": torch.from_numpy(images), "labels": torch.from_numpy(labels)}
    if suffix == ".npz":
        np.savez(path, images=images, labels=labels)
    elif suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    pairs = {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}
    found = [load(path, split) for split in ("train", "test")]
    assert [len(each) for each in found] == [27, 3]
    assert {
        (image.numpy().tobytes(), int(label))
        for each in found
        for image, label in zip(each.images, each.labels, strict=True)
    } == pairs
    assert {each.n_classes for each in found} == {4}


def test_divided_arrays_keep_their_split_and_share_the_number_of_classes(tmp_path: Path) -> None:
    x_train, x_test = random_array(5, 8, 8, 3), random_array(2, 8, 8, 3, seed=1)
    path = tmp_path / "own.npz"
    np.savez(path, x_train=x_train, x_test=x_test, y_train=[[0], [1], [2], [3], [4]], y_test=[[1], [0]])
    test = load(path, "test")
    assert np.array_equal(test.images.numpy(), x_test.transpose(0, 3, 1, 2))
    assert test.labels.tolist() == [1, 0]
    assert test.n_classes == 5
    assert np.array_equal(load(path).images.numpy(), x_train.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(10, 8, 8), (10, 1, 8, 8), (10, 8, 8, 1)])
def test_the_only_array_is_the_images_whatever_its_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = random_array(*shape)
    np.savez(tmp_path / "own.npz", anything=images)
    found = torch.cat([load(tmp_path / "own.npz", split).images for split in ("train", "test")])
    assert found.shape == (10, 1, 8, 8)
    assert rows(found) == {image.tobytes() for image in images}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": random_array(4, 8, 8) / 255.0}, r"float64.*\(255 \* x\)\.round\(\)"),
        ({"images": random_array(4, 8, 8).astype(np.int32)}, "int32"),
        ({"images": random_array(4, 8)}, r"shape \(4, 8\)"),
        ({"images": random_array(4, 2, 8, 8)}, r"shape \(4, 2, 8, 8\)"),
        ({"images": random_array(4, 3, 8, 3)}, "one place only"),
        ({"images": random_array(0, 8, 8)}, "nothing empty"),
        ({"images": random_array(1, 8, 8)}, "at least 2"),
        ({"images": random_array(4, 8, 8), "labels": np.arange(3)}, r"labels of shape \(3,\) for 4 images"),
        ({"images": random_array(4, 8, 8), "labels": np.arange(4) - 1}, "from 0 on"),
        ({"images": random_array(4, 8, 8), "labels": np.ones(4)}, "labels of torch.float64"),
        ({"a": random_array(4, 8, 8), "b": random_array(4, 8, 8)}, "holds a, b; expected images"),
        ({"images": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "own.npz")


class _Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("unpickled"),))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(_Exploit(), tmp_path / "own.pt")
    np.savez(tmp_path / "own.npz", images=np.array([_Exploit()], dtype=object))
    for name in ("own.pt", "own.npz"):
        with pytest.raises(DataError, match="cannot be read"):
            load(tmp_path / name)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    for content in (b"", b"rubbish", b"PK\x03\x04 rubbish"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            load(path)


def test_levels_of_zero_and_one_are_refused_before_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", images=random_array(10, 8, 8) % 2)
    with pytest.raises(UsageError, match="multiply by 255"):
        load(tmp_path / "own.npz")


def test_classes_of_unlabelled_data_are_a_usage_error(tmp_path: Path) -> None:
    save_pictures(tmp_path / "own", 4, seed=0)
    with pytest.raises(UsageError, match="no classes"):
        load(tmp_path / "own", classes=(0,))
