"""What does an image cost to sample: networks frozen, a batch a core, beside the plain loop, and the hybrids?

A step of the sampler asks the denoiser once for every image; it is DDIM's with 50 steps on 28×28 images. The plain loop
is one batch of 256 at a time through the network as it is trained, with all of torch's threads in every operation. Both
take turns, model by model, so that a drift of the machine hits all alike, and are compared before anything is timed.
The minutes that 7,000 images take are those of the steps measured, scaled up.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from harness import Bar, Timing, cores, in_child, parser, publish, report, take_turns, timed
from torch import Tensor

from qdiffusion.data import Space
from qdiffusion.diffusion import SchedulerConfig, System
from qdiffusion.diffusion.frozen import frozen
from qdiffusion.training.building import build_system
from qdiffusion.training.memory import keep_memory
from qdiffusion.training.presets import PRESETS
from qdiffusion.training.threads import side_by_side

CLASSICAL, PLAIN = "unet-classical", "plain loop, "
MOST_RATIO = {"qvunet-1hq": 1.15, "qvunet-1fq": 1.15, "qvunet-full-hq": 1.15, "quanvunet-hq": 1.5, "quanvunet-fq": 1.5}
"""Presets beside the classical one, and how many times as long they may take."""
MOST_MINUTES = 12
IMAGES, STEPS, MEASURED = 7000, 50, 2
"""Images and steps that the bar speaks of, and steps measured."""
BATCH, PLAIN_BATCH = 64, 256
SPACE = Space("images", (1, 28, 28))
TOLERANCE = 1e-4


def sampled(system: System, count: int, seed: int) -> Tensor:
    """Images (count, 1, 28, 28) in [-1, 1]."""
    sampler = SchedulerConfig("ddim", MEASURED).build(system)
    return sampler(system, count, torch.Generator().manual_seed(seed))


def in_batches(system: System, count: int) -> None:
    """As `qdiffusion sample` draws them."""
    batches = range(0, count, BATCH)
    side_by_side(lambda first, _: sampled(system, BATCH, first), batches, cores(), _nothing, _nothing)


def _nothing(*_: object) -> None:
    pass


def check(name: str, plain: System, fixed: System) -> None:
    """Ends the benchmark where a frozen system samples other images than the one it was made of."""
    distance = float((sampled(fixed, 16, seed=1) - sampled(plain, 16, seed=1)).abs().max())
    if not distance <= TOLERANCE:
        raise SystemExit(f"{name} frozen differs from itself by {distance:.1e}, more than {TOLERANCE:.0e}: not timed.")


def measure_sampling(names: Sequence[str], count: int, rounds: int) -> dict[str, Timing]:
    """Runs in the child: the times of `MEASURED` steps of `count` images; the first of each warms up."""
    torch.set_num_threads(cores())
    keep_memory()  # as `qdiffusion sample` does; of use to both sides
    calls: dict[str, Callable[[], object]] = {}
    for name in names:
        plain = build_system(PRESETS[name].build(), SPACE).eval().requires_grad_(False)
        fixed = frozen(plain)
        check(name, plain, fixed)
        calls[name] = partial(in_batches, fixed, count)
        calls[PLAIN + name] = partial(_plain_loop, plain, count)
    for call in calls.values():
        call()
    return take_turns({name: partial(_one, call) for name, call in calls.items()}, rounds)


def _plain_loop(system: System, count: int) -> None:
    for first in range(0, count, PLAIN_BATCH):
        sampled(system, min(PLAIN_BATCH, count - first), first)


def _one(call: Callable[[], object]) -> list[float]:
    return [timed(call)]


def rows_of(times: dict[str, Timing], count: int) -> list[dict[str, Any]]:
    """Each model's times an image and step, beside those of its plain loop and of the classical model."""
    rows = []
    for name in (CLASSICAL, *(name for name in MOST_RATIO if name in times)):
        step, plain = (times[each].scaled(1 / (count * MEASURED)) for each in (name, PLAIN + name))
        rows.append(
            {
                "model": name,
                "image_step_s": step,
                "plain_s": plain,
                "of_plain": step.over(plain),
                "of_classical": times[name].over(times[CLASSICAL]),
                "minutes_for_7000": step.median * IMAGES * STEPS / 60,
            }
        )
    return rows


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """Minutes of the classical model, and the hybrids against it."""
    row = {row["model"]: row for row in rows}
    hybrids = [
        Bar(f"{name}: of the classical model", row[name]["of_classical"], most, "lower")
        for name, most in MOST_RATIO.items()
        if name in row
    ]
    minutes = row[CLASSICAL]["minutes_for_7000"]
    return [Bar("7,000 images, DDIM-50, classical: minutes", minutes, MOST_MINUTES, "lower"), *hybrids]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=tuple(MOST_RATIO), default=list(MOST_RATIO))
    args = options.parse_args()
    count, rounds = (2 * BATCH, 2) if args.quick else (PLAIN_BATCH, 7)
    rows = rows_of(in_child(measure_sampling, [CLASSICAL, *args.models], count, rounds), count)
    question = f"A step of DDIM for an image of 28×28; {IMAGES:,} images of {STEPS} steps by extrapolation"
    publish(report(question, rows, bars(rows), (), quick=args.quick), args.out)


if __name__ == "__main__":
    main()
