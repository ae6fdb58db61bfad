"""The report's pictures: samples beside real items, and processes as strips."""

import torch
from torch import Tensor

from qdiffusion.plots import html
from qdiffusion.plots.drawn import MOST_IMAGES, draw_sets
from qdiffusion.plots.grid import rows_by_class
from qdiffusion.runs import Run
from qdiffusion.runs.items import kind_of
from qdiffusion.runs.pictures import Strip, forward_path, read_real, read_strip, reverse_path
from qdiffusion.runs.samples import SampleSet, list_samples, read_meta, read_samples

REAL = {
    "images": "Real images from the training set, balanced over the classes where those are known.",
    "states": "States from the training set.",
    "densities": "Density matrices from the training set.",
    "vectors": "Vectors from the training set.",
}


def newest_samples(run: Run) -> SampleSet | None:
    """The set that was sampled last from the run's model, not from a snapshot."""
    for path in reversed(list_samples(run)):
        if "snapshot" not in read_meta(path):
            return read_samples(path)
    return None


def samples_and_real(run: Run, samples: SampleSet | None) -> str:
    """The first samples and as many real items, side by side where the page is wide enough."""
    sets, labels, captions = [], [], []
    columns, real = None, read_real(run)
    if samples is not None:
        items, columns = _arranged(samples)
        sets, labels, captions = [items], [f"samples: {kind_of(items)}"], [_caption(samples, columns)]
    if real is not None:
        sets.append(real if samples is None else real[: len(samples.items)])
        labels.append(f"from the training set: {kind_of(real)}")
        captions.append(REAL[kind_of(real)])
    missing = html.note("Nothing has been sampled yet.") if samples is None else ""
    if not sets:
        return missing
    pieces, reading = draw_sets(sets, labels, columns)
    figures = (html.figure(*each, "samples") for each in zip(pieces, captions, strict=True))
    return missing + html.beside(*figures) + (html.note(reading) if reading else "")


def processes(run: Run, samples: SampleSet | None) -> str:
    """Both strips, as far as the run has them."""
    paths = [forward_path(run), *([] if samples is None else [reverse_path(run, samples.name)])]
    return "\n".join(draw_strip(strip) for strip in map(read_strip, paths) if strip is not None)


def draw_strip(strip: Strip) -> str:
    """The levels in a row, each above its lines."""
    lines = strip.labels
    pieces, reading = draw_sets(strip.items.unbind(1), [" ".join(each) for each in lines], small=True)
    caption = " ".join(sentence for sentence in (strip.caption, reading) if sentence)
    return html.strip(zip(pieces, lines, strict=True), caption)


def _arranged(samples: SampleSet) -> tuple[Tensor, int | None]:
    """What is drawn, and how many to a row where that is not left to the grid."""
    if samples.labels is None or kind_of(samples.items) != "images":
        return samples.items, None
    images, columns = rows_by_class(samples.items.numpy(), samples.labels.numpy(), MOST_IMAGES)
    return torch.from_numpy(images), columns


def _caption(samples: SampleSet, columns: int | None) -> str:
    meta = samples.meta
    made = [*meta.get("made", []), *(f"{name} {meta[name]}" for name in ("count", "seed") if name in meta)]
    classes = "" if samples.labels is None else f" Classes {', '.join(map(str, samples.labels.unique().tolist()))}"
    rows = "" if columns is None else ", a row each"
    return f"{samples.name}: {', '.join(made)}" + (f".{classes}{rows}." if classes else "")
