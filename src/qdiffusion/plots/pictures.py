"""The report's images: samples beside real ones, and the two processes as strips."""

import math

from torch import Tensor

from qdiffusion.plots import html
from qdiffusion.plots.grid import grid_png, shrunk
from qdiffusion.runs import Run
from qdiffusion.runs.pictures import Strip, forward_path, read_real, read_strip, reverse_path
from qdiffusion.runs.samples import SampleSet, list_samples, read_samples

MADE = ("count", "sampler", "steps", "seed")
MOST_IMAGES = 64
MOST_PIXELS = 48
"""Of an image's side; larger ones are shrunk, so that the page stays small."""
COLUMN_WIDTH = 120
"""Pixels of a strip's column."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def newest_samples(run: Run) -> SampleSet | None:
    """The set that was sampled last."""
    paths = list_samples(run)
    return read_samples(paths[-1]) if paths else None


def samples_and_real(run: Run, samples: SampleSet | None) -> str:
    """The first samples and as many real images, side by side where the page is wide enough."""
    figures = [] if samples is None else [_grid(samples.images, "a grid of sampled images", _caption(samples))]
    real = read_real(run)
    if real is not None:
        shown = real if samples is None else real[: len(samples.images)]
        caption = "Real images from the training set, balanced over the classes where those are known."
        figures.append(_grid(shown, "a grid of real images", caption))
    missing = html.note("No images have been sampled yet.") if samples is None else ""
    return missing + (html.beside(*figures) if figures else "")


def processes(run: Run, samples: SampleSet | None) -> str:
    """Both strips, as far as the run has them."""
    forward = read_strip(forward_path(run))
    reverse = None if samples is None else read_strip(reverse_path(run, samples.name))
    told = []
    if forward is not None:
        told.append(
            _strip(
                forward,
                "The forward process: noise is mixed into real images, xₜ = √ᾱₜ x₀ + √(1 - ᾱₜ) ε. Below each column "
                "stand t and the signal-to-noise ratio ᾱₜ / (1 - ᾱₜ).",
            )
        )
    if reverse is not None and samples is not None:
        told.append(
            _strip(
                reverse,
                f"The reverse process: the first of the samples {samples.name} on their way from noise. Shown is xₜ "
                "itself, cut to the range of pixels, not the image that the model expects behind it.",
            )
        )
    return "\n".join(told)


def _grid(images: Tensor, alt: str, caption: str) -> str:
    small = shrunk(images[:MOST_IMAGES].numpy(), MOST_PIXELS)
    return html.picture(grid_png(small), alt, caption, "samples")


def _caption(samples: SampleSet) -> str:
    return f"{samples.name}: " + ", ".join(f"{name} {samples.meta[name]}" for name in MADE if name in samples.meta)


def _strip(strip: Strip, caption: str) -> str:
    columns = []
    for images, t, snr in zip(strip.images.unbind(1), strip.t.tolist(), strip.snr.tolist(), strict=True):
        png = grid_png(shrunk(images.numpy(), MOST_PIXELS), columns=1, width=COLUMN_WIDTH)
        labels = ("image",) if t < 0 else (f"t {t}", _short(snr))
        columns.append((png, labels))
    return html.strip(columns, caption)


def _short(value: float) -> str:
    """A number in few characters: "0.54", "24", "2·10⁴"."""
    if not math.isfinite(value) or value <= 0 or 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
