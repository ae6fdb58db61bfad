"""Train the feature networks that ship with the package.

    OMP_NUM_THREADS=1 python tools/train_features.py --root DIR [--name mnist|fashion-mnist]

DIR holds the full sets as `mnist/` and `fashion-mnist/`. Writes NAME-cnn.safetensors and its card NAME-cnn.json.
On one machine the same seed and number of threads give the same file, bit for bit. The test split is looked at once,
at the end.
"""

import argparse
import json
import math
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from qdiffusion.data import ImagesConfig, load_images, to_unit_range
from qdiffusion.metrics.cnn import FeatureCNN

NETWORKS = Path(__file__).resolve().parents[1] / "src" / "qdiffusion" / "metrics" / "networks"
BATCH = 128


@dataclass(frozen=True)
class Recipe:
    """How one network is trained; pictures are turned, scaled and shifted anew each time they are seen."""

    epochs: int
    degrees: float
    scale: float
    shift: float  # in half widths of the picture
    flip: bool
    learning_rate: float = 3e-3
    weight_decay: float = 2e-2


RECIPES = {
    "mnist": Recipe(epochs=15, degrees=12, scale=0.1, shift=0.14, flip=False),
    "fashion-mnist": Recipe(epochs=20, degrees=3, scale=0.05, shift=0.1, flip=True),
}


def augment(x: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Turn, scale, shift and mirror each picture of (N, 1, H, W) at random."""
    n = len(x)

    def uniform(bound: float) -> Tensor:
        return (2 * torch.rand(n, generator=generator) - 1) * bound

    angle, scale = uniform(math.radians(recipe.degrees)), 1 + uniform(recipe.scale)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    sign = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(n)
    rows = [cos * sign, -sin, uniform(recipe.shift), sin * sign, cos, uniform(recipe.shift)]
    theta = torch.stack(rows, dim=1).view(n, 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1  # outside the picture is -1, black


def train(x: Tensor, y: Tensor, recipe: Recipe, seed: int) -> FeatureCNN:
    """Train a network on pictures (N, 1, 28, 28) in [-1, 1] and their labels."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # torch.nn draws initial weights from the global generator alone
        network = FeatureCNN().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    n_batches = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=recipe.epochs * n_batches
    )
    for epoch in range(recipe.epochs):
        start, total = time.perf_counter(), torch.zeros(())
        order = torch.randperm(len(x), generator=generator)
        for batch in order[: n_batches * BATCH].view(n_batches, BATCH):
            pictures = augment(x[batch], recipe, generator).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(network(pictures), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.detach()
        print(
            f"epoch {epoch + 1}: loss {total / n_batches:.4f}, {time.perf_counter() - start:.0f} s",
            flush=True,
        )
    return network.to(memory_format=torch.contiguous_format).eval()


@torch.no_grad()
def accuracy(network: FeatureCNN, x: Tensor, y: Tensor) -> float:
    """Return the fraction of pictures whose largest logit is their label's."""
    guesses = torch.cat([network(batch).argmax(1) for batch in x.split(500)])
    return (guesses == y).double().mean().item()


def publish(network: FeatureCNN, card: dict[str, object], target: Path) -> None:
    """Write the weights and, beside them, the card; each appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    weights, text = target.with_suffix(".safetensors"), target.with_suffix(".json")
    save_file(network.state_dict(), f"{weights}.part")
    Path(f"{text}.part").write_text(json.dumps(card, indent=2) + "\n")
    os.replace(f"{weights}.part", weights)
    os.replace(f"{text}.part", text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the feature networks that ship with the package.")
    parser.add_argument("--root", type=Path, required=True, help="folder with mnist/ and fashion-mnist/")
    parser.add_argument("--name", choices=list(RECIPES), help="only this one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=NETWORKS)
    options = parser.parse_args()
    for name in [options.name] if options.name else RECIPES:
        splits = [load_images(ImagesConfig(name=name, root=options.root), split) for split in ("train", "test")]
        (x, y), (x_test, y_test) = [(to_unit_range(s.images), s.labels) for s in splits]
        network = train(x, y, RECIPES[name], options.seed)
        card = {
            "name": f"{name}-cnn",
            "data": f"{name}: all {len(x):,} training images; test on all {len(x_test):,} test images",
            "seed": options.seed,
            "command": f"OMP_NUM_THREADS={torch.get_num_threads()} python tools/train_features.py --root DIR "
            f"--name {name} --seed {options.seed}",
            "test_accuracy": accuracy(network, x_test, y_test),
            "parameters": sum(p.numel() for p in network.parameters()),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }
        publish(network, card, options.out / f"{name}-cnn")
        print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
