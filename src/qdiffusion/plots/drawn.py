"""Items within the page: what they are decides how they are drawn."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from qdiffusion.plots import heat, html, scatter, sphere
from qdiffusion.plots.grid import grid_png, shrunk
from qdiffusion.runs.items import kind_of

MOST_IMAGES, MOST_POINTS = 64, 1000
MOST_PIXELS = 48
"""Of an image's side; larger ones are shrunk, so that the page stays small."""
COLUMN_WIDTH = 120
"""Pixels of a strip's column."""


class Drawn(NamedTuple):
    """Each set as HTML, and how they are read, in sentences."""

    pieces: list[str]
    reading: str


def draw_sets(sets: Sequence[Tensor], labels: Sequence[str], columns: int | None = None, small: bool = False) -> Drawn:
    """Sets of items of one kind (N, …), on one scale.

    labels: what each is, for who cannot see it. columns: images a row. small: they are to stand in a row.
    """
    kind, n_components = kind_of(sets[0]), sets[0].shape[-1]
    if kind == "images":
        return Drawn([_images(*each, columns, small) for each in zip(sets, labels, strict=True)], "")
    quantum = kind in ("states", "densities")
    if quantum and n_components > 2:
        scale = heat.scale(sets)
        pieces = [heat.draw_heat(*each, scale, small) for each in zip(sets, labels, strict=True)]
        return Drawn(pieces, heat.reading(n_components, scale))
    points = [items[:MOST_POINTS] for items in sets]
    if quantum:
        return Drawn([sphere.draw_sphere(*each, small) for each in zip(points, labels, strict=True)], sphere.READING)
    bounds = scatter.limits(points)
    pieces = [scatter.draw_scatter(*each, bounds, small) for each in zip(points, labels, strict=True)]
    return Drawn(pieces, scatter.reading(n_components, bounds))


def _images(images: Tensor, label: str, columns: int | None, small: bool) -> str:
    pixels = shrunk(images[:MOST_IMAGES].numpy(), MOST_PIXELS)
    png = grid_png(pixels, columns=1, width=COLUMN_WIDTH) if small else grid_png(pixels, columns=columns)
    return html.image(png, label)
