"""New items from a trained run."""

from dataclasses import asdict, fields, replace
from hashlib import sha256
from typing import Any, TypeVar

import torch
from torch import Tensor

from qdiffusion.data.space import Space
from qdiffusion.errors import UsageError
from qdiffusion.progress import Progress, SilentProgress
from qdiffusion.runs import Run
from qdiffusion.runs.lock import locked, locked_here
from qdiffusion.runs.samples import SampleSet
from qdiffusion.training.experiment import Evaluation, Sampling
from qdiffusion.training.fit import check_samples_fit
from qdiffusion.training.loading import load_system
from qdiffusion.training.samplesets import Drawing
from qdiffusion.training.setup import read_experiment

Config = TypeVar("Config", Sampling, Evaluation)

MAX_SEED = 2**63


def sample_run(
    run: Run,
    count: int,
    *,
    classes: tuple[int, ...] | None = None,
    seed: int = 0,
    snapshot: int | None = None,
    show_steps: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
    **options: Any,
) -> SampleSet:
    """Draw items from a run's averaged model into `samples/`; a set that is there already is read instead.

    Every batch has a generator of its own, seeded by (seed, index of its first item), and one thread: the items depend
    on seed and batch size, not on what was drawn before or on how many batches are drawn at once: one a core. Finished
    batches lie in `samples/NAME.parts`, so that an interrupted sampling goes on where it was. The first items' way from
    the prior is kept in `pictures/`. From here on the process keeps the memory that it frees (`memory.keep_memory`).

    Args:
        run: a run, finished or not; from one unfinished its last checkpoint is used, and `meta` says so.
        count: number of items.
        classes: draw these classes in turn, as the data number them, from a class-conditional model; None draws all.
        seed: fixes the items.
        snapshot: take the weights of this step, one of the experiment's `snapshots`.
        show_steps: keep so many moments of the first items' way as a strip of its own, `samples/NAME-steps`.
        batch_size: items at a time.
        progress: where to report.
        options: fields of the experiment's `sampling` to change: steps=20; None leaves one as it is.

    Raises:
        UsageError: an option or class that there is none of, a number out of range, or more than memory or disk hold.
        RunError: the run has no model yet, cannot be written, or another process is drawing the same set.
    """
    experiment, space = read_experiment(run)[:2]
    if count < 1 or batch_size < 1:
        raise UsageError(f"{count} samples in batches of {batch_size} were asked for; give at least 1 of each.")
    if not 0 <= seed < MAX_SEED:
        raise UsageError(f"The seed is {seed}; give a whole number from 0 to 2^63 - 1.")
    sampling = with_options(experiment.sampling, options)
    system, origin = load_system(run, snapshot)
    sampler = sampling.build(system)
    if not 0 <= show_steps <= len(sampler.levels):
        raise UsageError(f"{show_steps} moments were asked for; give 1 to {len(sampler.levels)}, the sampling steps.")
    labels = _labels(space, system.denoiser.n_classes, count, classes)
    name = _set_name(sampling.name, classes, snapshot, seed, count)
    path = run.samples_path / f"{name}.safetensors"
    if not path.exists():
        check_samples_fit(run.path, count, space)
    request = {
        **{key: value for key, value in asdict(sampling).items() if key not in ("kind", "count")},
        **({} if classes is None else {"classes": list(classes)}),
        **({} if snapshot is None else {"snapshot": snapshot}),
        "made": [*sampling.words, *_words(classes, snapshot)],
        "seed": seed,
        "count": count,
        "batch_size": batch_size,
    }
    progress = progress or SilentProgress()
    # A training ends with samples: rather than fail there, it waits for whoever draws the same ones.
    on_wait = progress.say if locked_here(run.path, "run") else None
    with locked(run.path, path.stem, "sample", on_wait):
        return Drawing(run, path, system, sampler, space, labels, {**request, **origin}, show_steps).draw(progress)


def with_options(config: Config, options: dict[str, Any]) -> Config:
    """The configuration with these fields changed; those that are None are left as they are.

    Raises:
        UsageError: it has no such field, or not with such a value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = [field.name for field in fields(config) if field.name != "kind"]
    for name in given:
        if name not in known:
            raise UsageError(
                f"{name} was given, but this experiment's {config.kind} has no such option; it has {', '.join(known)}."
            )
    return replace(config, **given)


def _labels(space: Space, n_classes: int, count: int, classes: tuple[int, ...] | None) -> Tensor | None:
    """The label of each item: the classes in turn; None for a model without labels."""
    if n_classes == 0:
        if classes is not None:
            raise UsageError("Classes were asked for, but this model was trained without labels; leave --classes out.")
        return None
    unknown = [number for number in classes or () if number not in space.classes]
    if unknown or classes == ():
        asked, known = (", ".join(map(str, numbers or ())) for numbers in (classes, space.classes))
        raise UsageError(f"Classes {asked} were asked for; the data has {known}.")
    chosen = [space.classes.index(number) for number in classes or space.classes]
    return torch.tensor(chosen)[torch.arange(count) % len(chosen)]


def _words(classes: tuple[int, ...] | None, snapshot: int | None) -> list[str]:
    """What was asked of a set, beyond how it was sampled."""
    told = [] if classes is None else [f"classes {', '.join(map(str, classes))}"]
    return told if snapshot is None else [*told, f"weights of step {snapshot:,}"]


def _set_name(sampling: str, classes: tuple[int, ...] | None, snapshot: int | None, seed: int, count: int) -> str:
    parts = [sampling]
    if classes is not None:
        listed = "-".join(map(str, classes))
        # A name may have 255 bytes, and the file's own ending needs some.
        parts.append(f"c{listed}" if len(listed) <= 100 else f"c{sha256(listed.encode()).hexdigest()[:12]}")
    if snapshot is not None:
        parts.append(f"step{snapshot}")
    return "-".join([*parts, f"seed{seed}", f"n{count}"])
