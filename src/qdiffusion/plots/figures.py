"""The pictures that belong in a run folder."""

from qdiffusion.plots.grid import sample_grid
from qdiffusion.plots.loss import loss_curve
from qdiffusion.runs import Run
from qdiffusion.runs.files import told_as_run_error
from qdiffusion.runs.samples import list_samples, read_samples


def draw_figures(run: Run) -> None:
    """Draw a grid beside every sample set and, once steps are logged, `figures/loss.png`.

    Raises:
        RunError: a file of the run is damaged, or a picture cannot be written.
    """
    for path in list_samples(run):
        sample_grid(read_samples(path).images, path.with_suffix(".png"))
    if run.read_stats():
        with told_as_run_error(run.figures_path):
            run.figures_path.mkdir(exist_ok=True)
        loss_curve(run, run.figures_path / "loss.png")
