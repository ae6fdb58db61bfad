"""Pictures of runs and the report; reads run folders, trains nothing."""

from qdiffusion.plots.figures import draw_figures
from qdiffusion.plots.grid import sample_grid
from qdiffusion.plots.losspicture import loss_curve
from qdiffusion.plots.report import write_report

__all__ = ["draw_figures", "loss_curve", "sample_grid", "write_report"]
