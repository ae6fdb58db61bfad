"""The pictures that belong in a run folder."""

from pathlib import Path

from qdiffusion.plots.axes import items_figure, save_figure, strip_figure
from qdiffusion.plots.grid import rows_by_class, sample_grid
from qdiffusion.plots.losspicture import loss_curve
from qdiffusion.runs import Run
from qdiffusion.runs.files import told_as_run_error
from qdiffusion.runs.items import kind_of
from qdiffusion.runs.pictures import read_strip
from qdiffusion.runs.samples import SampleSet, list_samples, read_samples, steps_path

MOST_IMAGES = 64


def draw_figures(run: Run) -> None:
    """Draw every sample set and the strip of its steps beside their files, and `figures/loss.png` if steps are logged.

    Raises:
        RunError: a file of the run is damaged, or a picture cannot be written.
    """
    for path in list_samples(run):
        draw_samples(read_samples(path), path.with_suffix(".png"))
        strip = read_strip(steps_path(path))
        if strip is not None:
            save_figure(strip_figure(strip), steps_path(path).with_suffix(".png"))
    if run.read_stats():
        with told_as_run_error(run.figures_path):
            run.figures_path.mkdir(exist_ok=True)
        loss_curve(run, run.figures_path / "loss.png")


def draw_samples(samples: SampleSet, path: Path) -> None:
    """Images as a grid, a row a class where classes were asked for; states and vectors as points or populations.

    Raises:
        RunError: the file cannot be written.
    """
    if kind_of(samples.items) != "images":
        save_figure(items_figure(samples.items), path)
    elif samples.labels is None:
        sample_grid(samples.items, path, MOST_IMAGES)
    else:
        images, columns = rows_by_class(samples.items.numpy(), samples.labels.numpy(), MOST_IMAGES)
        sample_grid(images, path, len(images), columns)
