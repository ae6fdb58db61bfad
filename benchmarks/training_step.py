"""What does a training step of 128 images cost: the plain U-Net, ours, and the hybrids?

A step is forward, backward and the update of fused Adam on 28×28 images; the moving average of the weights is left out.
Candidates take turns, step by step, so that a drift of the machine hits all alike. Plain and ours start from the same
weights, and their losses and gradients are compared before anything is timed.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from harness import Bar, Timing, cores, in_child, parser, publish, report, take_turns, timed
from plain_unet import PlainUNet
from torch import Tensor, nn

from qdiffusion.data import Space
from qdiffusion.diffusion import DenoiseObjective, System
from qdiffusion.models.unet import UNetwork
from qdiffusion.training.building import build_system
from qdiffusion.training.presets import PRESETS

PLAIN, CLASSICAL = "plain U-Net", "unet-classical"
SPACE = Space("images", (1, 28, 28))
MOST_RATIO = {
    "qvunet-1hq": 1.05,
    "qvunet-1fq": 1.05,
    "qvunet-7hq": 1.15,
    "qvunet-full-hq": 1.35,
    "qvunet-joint160": 1.6,
}
MOST_OF_PLAIN = 0.5
TOLERANCE = 1e-4


def loss_of(model: nn.Module, images: Tensor, seed: int) -> Tensor:
    """The training loss at the noise and the levels that `seed` draws."""
    return drawn_loss(System(nn.Identity(), model, noise()), images, torch.Generator().manual_seed(seed))


def noise() -> nn.Module:
    """The forward process of the published training."""
    return PRESETS[CLASSICAL].build().forward.build(SPACE, seed=0)


def drawn_loss(system: System, images: Tensor, generator: torch.Generator) -> Tensor:
    """The training loss of images in [-1, 1]."""
    process = system.process
    noised = process.noised(images, process.levels(len(images), generator), generator)
    return DenoiseObjective().loss(system, noised._asdict())[0]


def training_step(model: nn.Module, images: Tensor) -> Callable[[], None]:
    """A call that does one step of training."""
    system, generator = System(nn.Identity(), model, noise()), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)

    def step() -> None:
        drawn_loss(system, images, generator).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def check_plain(model: UNetwork, images: Tensor) -> None:
    """Ends the benchmark where the plain form and ours differ in the loss or a gradient."""
    found = []
    for network in (PlainUNet(model), model):
        loss = loss_of(network, images, seed=1)
        found.append([loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))])
    pairs = zip(*found, strict=True)
    # torch's maximum keeps a NaN, Python's may drop it.
    distance = float(torch.stack([(a - b).abs().max() / b.abs().max().clamp(min=1) for a, b in pairs]).max())
    if not distance <= TOLERANCE:
        raise SystemExit(f"The plain U-Net differs from ours by {distance:.1e}, more than {TOLERANCE:.0e}: not timed.")


def measure_steps(names: Sequence[str], batch: int, rounds: int) -> dict[str, Timing]:
    """Runs in the child: each candidate's steps; the first warms up."""
    torch.set_num_threads(cores())
    images = torch.rand(batch, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ours = {name: build_system(PRESETS[name].build(), SPACE).denoiser for name in (CLASSICAL, *names)}
    check_plain(ours[CLASSICAL], images[:16])
    models: dict[str, nn.Module] = {PLAIN: PlainUNet(deepcopy(ours[CLASSICAL])), **ours}
    steps = {name: training_step(model, images) for name, model in models.items()}
    for step in steps.values():
        step()
    return take_turns({name: partial(one_step, step) for name, step in steps.items()}, rounds)


def one_step(step: Callable[[], None]) -> list[float]:
    return [timed(step)]


def rows_of(times: dict[str, Timing], batch: int) -> list[dict[str, Any]]:
    """Each candidate's times, and its `ratio` to our classical step."""
    return [
        {"peer": name, "batch": batch, "step_s": timing, "ratio": timing.over(times[CLASSICAL])}
        for name, timing in times.items()
    ]


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """Ours against plain, and the hybrids against ours."""
    ratio = {row["peer"]: row["ratio"] for row in rows}
    hybrids = [
        Bar(f"{name}: of the classical step", ratio[name], most, "lower")
        for name, most in MOST_RATIO.items()
        if name in ratio
    ]
    return [Bar("classical U-Net: of the plain step", 1 / ratio[PLAIN], MOST_OF_PLAIN, "lower"), *hybrids]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--presets", nargs="+", choices=tuple(MOST_RATIO), default=list(MOST_RATIO))
    args = options.parse_args()
    batch, rounds = (8, 2) if args.quick else (128, 15)
    present = [name for name in args.presets if name in PRESETS]
    rows = rows_of(in_child(measure_steps, present, batch, rounds), batch)
    skipped = [f"{name}: no such preset" for name in args.presets if name not in PRESETS]
    question = f"A training step of {batch} images of 28×28: forward, backward, fused Adam; without the moving average"
    publish(report(question, rows, bars(rows), skipped, quick=args.quick), args.out)


if __name__ == "__main__":
    main()
